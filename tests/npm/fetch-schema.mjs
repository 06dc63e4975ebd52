// Puts two schemas into node_modules: the YAML schema of Azure Pipelines, and the schema of CycloneDX documents. They
// are large and not ours: they are fetched by pip, pinned by hash, instead of being kept in this repository.
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
  for (const wheel of readdirSync(scratch).filter((name) => name.endsWith('.whl'))) {
    python('zipfile', '-e', wheel, 'wheels');
  }
  for (const [from, to] of [
    ['check_jsonschema/builtin_schemas/vendor/azure-pipelines.json', 'azure-pipelines-schema.json'],
    ['cyclonedx/schema/_res/bom-1.5.SNAPSHOT.schema.json', 'cyclonedx-1.5.schema.json'],
  ]) {
    copyFileSync(join(scratch, 'wheels', from), join(here, 'node_modules', to));
  }
} catch (error) {
  console.error(`failed to fetch the schemas of Azure Pipelines and CycloneDX: ${error.message}`);
  console.error('hint: it takes python3 with pip (Debian: python3-pip)');
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
