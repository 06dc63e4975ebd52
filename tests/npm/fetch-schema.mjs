// Puts the YAML schema of Azure Pipelines into node_modules. It is 1.6 MB and not ours: it is
// fetched by pip, pinned by hash, instead of being kept in this repository.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'azure-pipelines-schema-'));
const python = (...args) =>
  execFileSync('python3', ['-m', ...args], { cwd: scratch, stdio: ['ignore', 'ignore', 'inherit'] });

try {
  python('pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps',
    '--only-binary', ':all:', '--require-hashes', '--requirement', join(here, 'requirements.txt'));
  const wheel = readdirSync(scratch).find((name) => name.endsWith('.whl'));
  python('zipfile', '-e', wheel, 'wheel');
  const schema = join(scratch, 'wheel/check_jsonschema/builtin_schemas/vendor/azure-pipelines.json');
  copyFileSync(schema, join(here, 'node_modules/azure-pipelines-schema.json'));
} catch (error) {
  console.error(`failed to fetch the YAML schema of Azure Pipelines: ${error.message}`);
  console.error('hint: it takes python3 with pip (Debian: python3-pip)');
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
