/** `npm run conformance`: the suite against a backend and a store of one's choice. */
import { runCommand } from '../shared/command.ts';
import { conformanceCommand } from './command.ts';

const call = 'npm run conformance --';
const { command, run } = conformanceCommand(call);
process.exitCode = await runCommand(command.name(call), run, () => 2);
