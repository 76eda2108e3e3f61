// Fails unless FILE holds one JSON document and nothing else, with the values named: one-json-document.mjs FILE [NAME=JSON]…
import { readFileSync } from 'node:fs';

const [file, ...expected] = process.argv.slice(2);
const document = JSON.parse(readFileSync(file, 'utf8'));
for (const assignment of expected) {
  const [name, value] = assignment.split('=');
  if (JSON.stringify(document[name]) !== value)
    throw new Error(`${name} is ${JSON.stringify(document[name])}, not ${value}`);
}
console.log(`one JSON document with ${Object.keys(document).join(', ')}`);
