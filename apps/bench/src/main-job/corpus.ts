import { glob, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KvferryError } from '@kvferry/core';

/** The tokens of a real text. */
export interface Corpus {
  /** What the text is, for a person. */
  readonly description: string;
  readonly tokenizer: string;
  readonly tokens: Uint32Array;
}

const repository = fileURLToPath(new URL('../../../../', import.meta.url));
const documentsThenSources = [
  '*.md',
  'docs/**/*.md',
  'packages/*/*.md',
  'packages/*/src/**/*.ts',
  'apps/*/src/**/*.ts',
];

/**
 * Tokenises a file, or by default this repository's own documentation and source, each file under its name, as a coding assistant's
 * prompt carries them. At most `maxTokens` tokens are made.
 */
export async function readCorpus(file: string | undefined, maxTokens: number): Promise<Corpus> {
  // Half a second of unpacking its vocabulary: not for a run that ends before it needs one.
  const { default: tokenizer } = await import('llama3-tokenizer-js');
  const described = file === undefined ? await repositoryText(maxTokens) : await fileText(file);
  // With the token that opens every prompt of the model.
  const tokens = tokenizer.encode(described.text, { bos: true, eos: false });
  return {
    description: described.description,
    tokenizer: 'Llama 3',
    tokens: Uint32Array.from(tokens.slice(0, maxTokens)),
  };
}

async function fileText(file: string): Promise<{ description: string; text: string }> {
  try {
    return { description: file, text: await readFile(file, 'utf8') };
  } catch (thrown) {
    const reason = `cannot read the text ${file}: ${(thrown as Error).message}; give --text the path of a text file`;
    throw new KvferryError('INVALID_ARGUMENT', reason, { cause: thrown });
  }
}

async function repositoryText(maxTokens: number): Promise<{ description: string; text: string }> {
  // No tokenizer makes more tokens than bytes, and Llama's makes one of about four: enough text, and not all of it to tokenise.
  const maxCharacters = maxTokens * 8;
  const texts: string[] = [];
  let characters = 0;
  for (const pattern of documentsThenSources) {
    const files = (await Array.fromAsync(glob(pattern, { cwd: repository, exclude: isBuilt }))).sort();
    for (const file of files) {
      if (characters >= maxCharacters) break;
      const text = `// ${file}\n${await readFile(join(repository, file), 'utf8')}\n`;
      texts.push(text);
      characters += text.length;
    }
  }
  return { description: `this repository's documentation and source (${texts.length} files)`, text: texts.join('') };
}

function isBuilt(path: string): boolean {
  return basename(path) === 'node_modules' || basename(path) === 'dist';
}
