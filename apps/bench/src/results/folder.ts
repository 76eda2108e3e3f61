import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { KvferryError } from '@kvferry/core';
import type { RunRecord } from './records.ts';
import { wrongField } from './shapes.ts';
import type { Summary } from './summary.ts';

/** Everything that a run writes down, one record per line. */
const ROWS_FILE = 'rows.ndjson';
const SUMMARY_FILE = 'summary.json';
const REPORT_FILE = 'report.html';

/** The folder of one run. What was written down of a run that was cut off stands there too. */
export class ResultsFolder {
  readonly path: string;
  readonly #rows: FileHandle;
  /** Whether it was not there before. */
  readonly #isNew: boolean;
  #written: Promise<void> = Promise.resolve();

  private constructor(path: string, rows: FileHandle, isNew: boolean) {
    this.path = path;
    this.#rows = rows;
    this.#isNew = isNew;
  }

  /** Makes the folder. Rejects with INVALID_ARGUMENT where it holds a run already, or cannot be written. */
  static async create(path: string): Promise<ResultsFolder> {
    try {
      const isNew = (await mkdir(path, { recursive: true })) !== undefined;
      return new ResultsFolder(path, await open(join(path, ROWS_FILE), 'wx'), isNew);
    } catch (thrown) {
      const { code, message } = thrown as NodeJS.ErrnoException;
      const reason = code === 'EEXIST' ? 'it holds a run already' : message;
      throw new KvferryError('INVALID_ARGUMENT', `--out ${path} cannot be used: ${reason}; name another folder`);
    }
  }

  /** Writes records down, in order. What fails is told by `close`. */
  add(records: readonly RunRecord[]): void {
    const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('');
    this.#written = this.#written.then(() => this.#rows.appendFile(lines));
    this.#written.catch(() => {});
  }

  /** Ends the rows, and puts summary and report beside them. */
  async close(summary: Summary | undefined, html: string | undefined): Promise<void> {
    try {
      await this.#written;
    } finally {
      await this.#rows.close();
    }
    if (summary !== undefined) await writeSummary(this.path, summary);
    if (html !== undefined) await writeReport(this.path, html);
  }

  /** Takes back what `create` made, for a run that did not come about: the same folder can be named again. */
  async discard(): Promise<void> {
    await this.#written.catch(() => {});
    await this.#rows.close();
    await rm(join(this.path, ROWS_FILE), { force: true });
    // What else lies in there is not ours.
    if (this.#isNew) await rmdir(this.path).catch(() => {});
  }
}

export async function writeSummary(folder: string, summary: Summary): Promise<void> {
  await writeFile(join(folder, SUMMARY_FILE), `${JSON.stringify(summary, null, 2)}\n`);
}

/** Gives the path of the report. */
export async function writeReport(folder: string, html: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, REPORT_FILE);
  await writeFile(path, html);
  return path;
}

/**
 * Reads what a run wrote down. A last line that was cut off is passed over: the run was killed. Rejects with INVALID_ARGUMENT for a folder that holds no run, or one of
 * another version, and for a record that lacks something.
 */
export async function readRecords(folder: string): Promise<RunRecord[]> {
  const path = join(folder, ROWS_FILE);
  const records: RunRecord[] = [];
  let broken: number | undefined;
  let number = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (broken !== undefined) throw noRun(path, `line ${broken} is no record of a run`);
      if (line === '') continue;
      const record = recordOf(line);
      if (record === undefined) broken = number;
      else {
        if (records.length === 0) checkHead(path, record);
        const field = wrongField(record);
        if (field !== undefined) {
          throw noRun(
            path,
            `line ${number} is no record of a run: ${field} is missing, or is not what a run writes there`,
          );
        }
        records.push(record);
      }
    }
  } catch (thrown) {
    if (thrown instanceof KvferryError) throw thrown;
    const { code, message } = thrown as NodeJS.ErrnoException;
    throw noRun(path, code === 'ENOENT' ? 'there is no such file' : message);
  }
  checkHead(path, records[0]);
  return records;
}

function checkHead(path: string, head: RunRecord | undefined): void {
  if (head?.kind !== 'run') throw noRun(path, 'it does not begin with the head of a run');
  const version: number = head.version;
  if (version !== 1) throw noRun(path, `its version is ${version}, and this kvferry-bench reads 1`);
}

const kinds: readonly string[] = [
  'run',
  'phase',
  'request',
  'prompt',
  'peer',
  'conformance',
  'end',
] satisfies readonly RunRecord['kind'][];

function recordOf(line: string): RunRecord | undefined {
  try {
    const record = JSON.parse(line) as RunRecord;
    return kinds.includes(record.kind) ? record : undefined;
  } catch {
    return undefined;
  }
}

function noRun(path: string, reason: string): KvferryError {
  const way = 'name a folder that `kvferry-bench run --out` has written';
  return new KvferryError('INVALID_ARGUMENT', `${path}: ${reason}; ${way}`);
}
