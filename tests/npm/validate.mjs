// Checks templates with the language service of Azure Pipelines.
// stdin:  { "task": "Rollguard@0", "inputs": ["command", …], "files": [{ "name": …, "text": … }] }
// stdout: { "<name>": ["<line>: <message>", …] }
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { getLanguageService, parse } = require('azure-pipelines-language-service');
const { TextDocument } = require('vscode-languageserver-textdocument');

const { task, inputs, files } = JSON.parse(readFileSync(0, 'utf8'));
const schema = JSON.parse(
  readFileSync(new URL('node_modules/azure-pipelines-schema.json', import.meta.url), 'utf8'));

// The schema knows the built-in tasks only: ours is added in the form they have there.
const tasks = schema.definitions.task;
tasks.properties.task.anyOf.push({ enum: [task], ignoreCase: 'value' });
tasks.anyOf.push({
  properties: {
    task: { pattern: `^${task}$`, ignoreCase: 'value' },
    inputs: {
      properties: Object.fromEntries(inputs.map((name) => [name, { type: 'string' }])),
      additionalProperties: false,
    },
  },
  firstProperty: ['task'],
  required: ['task'],
});

// The language service writes what it does to the console; stdout is for the result.
console.log = () => {};

const uri = 'mem://azure-pipelines.json';
const service = getLanguageService(async () => schema, [], async () => uri,
  { resolveRelativePath: (path) => path });
service.configure({ validate: true, schemas: [{ uri, fileMatch: ['*'], schema }] });

const found = {};
for (const { name, text } of files) {
  const document = TextDocument.create(`mem://${name}`, 'azure-pipelines', 1, text);
  const diagnostics = await service.doValidation(document, parse(text));
  found[name] = diagnostics.map(({ range, message }) => `${range.start.line + 1}: ${message.slice(0, 200)}`);
}
process.stdout.write(JSON.stringify(found));
