// Checks templates with the language service of Azure Pipelines.
// stdin:  { "task": <task.json>, "files": [{ "name": …, "text": … }] }
// stdout: { "<name>": ["<line>: <message>", …] }
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { getLanguageService, parse } = require('azure-pipelines-language-service');
const { TextDocument } = require('vscode-languageserver-textdocument');

const { task, files } = JSON.parse(readFileSync(0, 'utf8'));
const schema = JSON.parse(
  readFileSync(new URL('node_modules/azure-pipelines-schema.json', import.meta.url), 'utf8'));

// The schema knows the built-in tasks only: ours is added in the form they have there.
const name = `${task.name}@${task.version.Major}`;
const typeOf = ({ type, options }) => {
  if (type === 'boolean') return { type: 'boolean' };
  if (options) return { type: 'string', enum: Object.keys(options) };
  return { type: 'string' };
};
// A rule that hides an input decides in a run whether it is required.
const required = task.inputs
  .filter(({ required, visibleRule, defaultValue }) => required && !visibleRule && !defaultValue);
const tasks = schema.definitions.task;
tasks.properties.task.anyOf.push({ enum: [name], ignoreCase: 'value' });
tasks.anyOf.push({
  properties: {
    task: { pattern: `^${name}$`, ignoreCase: 'value' },
    inputs: {
      properties: Object.fromEntries(task.inputs.map((input) => [input.name, typeOf(input)])),
      additionalProperties: false,
      required: required.map(({ name }) => name),
    },
  },
  firstProperty: ['task'],
  required: ['task', 'inputs'],
});

// The language service writes what it does to the console; stdout is for the result.
console.log = () => {};

const uri = 'mem://azure-pipelines.json';
const service = getLanguageService(async () => schema, [], async () => uri,
  { resolveRelativePath: (path) => path });
service.configure({ validate: true, schemas: [{ uri, fileMatch: ['*'], schema }] });

const found = {};
for (const { name: file, text } of files) {
  const document = TextDocument.create(`mem://${file}`, 'azure-pipelines', 1, text);
  const diagnostics = await service.doValidation(document, parse(text));
  found[file] = diagnostics.map(({ range, message }) => `${range.start.line + 1}: ${message.slice(0, 200)}`);
}
process.stdout.write(JSON.stringify(found));
