// Starts the rollguard binary that belongs to this machine and passes its exit code on.
// It never loads azure-pipelines-task-lib: that deletes INPUT_*, ENDPOINT_AUTH_* and SECRET_* from the
// environment, and the binary reads them.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

function candidates() {
  const name = process.platform === 'win32' ? 'rollguard.exe' : 'rollguard';
  const archs = [process.arch];
  if (process.platform === 'win32' && process.arch === 'arm64') archs.push('x64'); // runs emulated
  return archs.map((arch) => path.join(__dirname, 'bin', `${process.platform}-${arch}`, name));
}

function isExecutable(file) {
  try { fs.accessSync(file, fs.constants.X_OK); return true; } catch { return false; }
}

// An extension's package does not keep the executable bit. Where it cannot be set, the task's folder being
// read-only or another user's, a private copy runs instead.
function executable(file) {
  if (isExecutable(file)) return file;
  try { fs.chmodSync(file, 0o755); } catch { /* the copy is the answer */ }
  if (isExecutable(file)) return file;
  const parent = process.env.AGENT_TEMPDIRECTORY || require('node:os').tmpdir();
  const copy = path.join(fs.mkdtempSync(path.join(parent, 'rollguard-')), path.basename(file));
  fs.copyFileSync(file, copy);
  fs.chmodSync(copy, 0o700);
  return copy;
}

function fail(message) {
  const data = message.replace(/%/g, '%AZP25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
  console.log(`##vso[task.logissue type=error]${data}`);
  console.log(`##vso[task.complete result=Failed]${data}`);
  process.exitCode = 1;
}

function main() {
  const file = candidates().find((candidate) => fs.existsSync(candidate));
  if (!file) {
    return fail(`failed to start rollguard: it is not built for ${process.platform}-${process.arch}`);
  }
  const child = spawn(executable(file), ['task'], { stdio: ['ignore', 'inherit', 'inherit'] });
  // The agent signals this process only. Without handlers it would end and leave the child alone; on
  // Windows the console has told the child already, and kill would not let it finish.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK']) {
    process.on(signal, () => { if (process.platform !== 'win32') child.kill(signal); });
  }
  child.on('error', (error) => fail(`failed to start rollguard: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (code === null) fail(`rollguard was ended by ${signal}`);
    else process.exitCode = code;
  });
}

try { main(); } catch (error) { fail(`failed to start rollguard: ${error.message}`); }
