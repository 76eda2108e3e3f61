import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Exit code and standard output of a module that runs in a process of its own, as one from standard input would (`--input-type`). */
export async function runProgram(module: string): Promise<[code: unknown, said: string]> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', module], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes;
  });
  const [code] = await once(child, 'close');
  return [code, said];
}
