import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** How a process is started. */
export interface WorkerOptions {
  /** Command that precedes its own, such as one that binds it to a core. */
  readonly prefix?: readonly string[];
}

/** A child process that answers one message at a time. What it prints comes up where it ends by itself. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #send: (message: object) => void;
  readonly #ended: Promise<never>;
  #running = true;
  #said = '';
  #onAnswer: (answer: unknown) => void = () => {};

  /** Starts a module of ours, which talks by messages. */
  static ofModule(name: string, module: URL, { prefix = [] }: WorkerOptions = {}): Worker {
    const [command = '', ...args] = [...prefix, process.execPath, fileURLToPath(module)];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], serialization: 'advanced' });
    const worker = new Worker(name, child, (message) => {
      // One that is gone has said so already.
      if (child.connected) child.send(message, () => {});
    });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => worker.#hear(text));
    child.on('message', (answer) => worker.#onAnswer(answer));
    return worker;
  }

  /** Starts any program that reads messages as lines of JSON from its standard input, and answers so on its standard output. */
  static ofProgram(name: string, command: string, args: readonly string[]): Worker {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    // What is written to one that has ended is lost, and nothing else.
    child.stdin.on('error', () => {});
    const worker = new Worker(name, child, (message) => child.stdin.write(`${JSON.stringify(message)}\n`));
    createInterface({ input: child.stdout }).on('line', (line) => {
      try {
        worker.#onAnswer(JSON.parse(line));
      } catch {
        worker.#hear(`${line}\n`);
      }
    });
    return worker;
  }

  private constructor(name: string, child: ChildProcess, send: (message: object) => void) {
    this.#name = name;
    this.#child = child;
    this.#send = send;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    this.#ended = new Promise((_, reject) => {
      child.once('error', (error) => reject(new Error(`${name} does not start: ${error.message}`)));
      // Only then has all been heard that it said.
      child.once('close', (code, signal) =>
        reject(new Error(`the process of ${name} ended with ${signal ?? `exit code ${code}`}${this.#lastWords()}`)),
      );
    });
    this.#ended.catch(() => {
      this.#running = false;
    });
  }

  /** Sends one message and waits for its answer. Rejects when the process ends, or has not answered after `timeoutMs`. */
  async ask<Answer>(message: object, timeoutMs: number): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const answered = new Promise<Answer>((resolve, reject) => {
        this.#onAnswer = (answer) => resolve(answer as Answer);
        const late = (): void => reject(new Error(`${this.#name} did not answer within ${Math.round(timeoutMs)} ms`));
        timer = setTimeout(late, timeoutMs);
      });
      this.#send(message);
      return await Promise.race([answered, this.#ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    if (this.#running) {
      this.#child.kill('SIGKILL');
      // Where it was started through another command it may live on and hold these; without them nobody waits for it.
      this.#child.stdout?.destroy();
      this.#child.stderr?.destroy();
      await this.#ended.catch(() => {});
    }
  }

  #hear(text: string): void {
    this.#said = `${this.#said}${text}`.slice(-4096);
  }

  /** The line that says what went wrong, of a stack trace too. */
  #lastWords(): string {
    const lines = this.#said.split('\n').filter((line) => line.trim() !== '');
    const words = lines.findLast((line) => /^\S*(Error|error)\b/.test(line)) ?? lines.at(-1);
    return words === undefined ? '' : `: ${words.trim().slice(0, 300)}`;
  }
}
