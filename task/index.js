// Starts the rollguard binary that belongs to this machine and passes its exit code on.
// It never loads azure-pipelines-task-lib: that deletes INPUT_*, ENDPOINT_AUTH_* and SECRET_* from the
// environment, and the binary reads them.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { expectCompletion } = require('./completion.js');
const { giveUp } = require('./give-up.js');
const { executable, verified, whyNotStarted } = require('./program.js');

// For this run alone. Only this user may look into it; it is removed at the end.
function privateFolder() {
  const parent = process.env.AGENT_TEMPDIRECTORY || os.tmpdir();
  let folder;
  try { folder = fs.mkdtempSync(path.join(parent, 'rollguard-')); } catch (error) {
    throw new Error(`no folder can be created in ${parent} (${error.message}): check AGENT_TEMPDIRECTORY`);
  }
  process.on('exit', () => {
    // Windows may hold on to a program that has just ended; the agent empties its temporary folder.
    try { fs.rmSync(folder, { recursive: true, force: true }); } catch { /* as said */ }
  });
  return folder;
}

function main() {
  const program = verified();
  const folder = privateFolder();
  const file = executable(program, folder);
  const completion = expectCompletion(folder);
  const child = spawn(file, ['task'], {
    env: { ...process.env, ...completion.variables },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // The agent signals this process only. Without handlers it would end and leave the child alone; on
  // Windows the console has told the child already, and kill would not let it finish.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK']) {
    process.on(signal, () => { if (process.platform !== 'win32') child.kill(signal); });
  }
  child.on('error', (error) => { if (child.pid === undefined) giveUp(whyNotStarted(file, error)); });
  child.on('exit', (code, signal) => {
    if (completion.isReported(code)) process.exitCode = code;
    else giveUp(completion.whyNotReported(code, signal), code);
  });
}

try { main(); } catch (error) { giveUp(`failed to start rollguard: ${error.message}`); }
