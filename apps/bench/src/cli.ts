#!/usr/bin/env node
import { benchCommands, benchProgram } from './program.ts';
import { runProgram } from './shared/command.ts';

process.exitCode = await runProgram(benchProgram(), benchCommands());
