// Fails the task from here, where the binary has not done it.
'use strict';

// As the binary does it where it comes to no result (crates/agent/src/outputs.rs, `of_failure`).
function outputs(message) {
  const given = (name) => (process.env[name] || '').trim();
  if (given('INPUT_COMMAND') === 'doctor') return {};
  if (given('INPUT_COMMAND') === 'rollback') {
    return { rollbackOutcome: 'failed', rollbackHealth: 'undetermined' };
  }
  const rollbackHealth = given('INPUT_EVIDENCE') ? 'undetermined' : '';
  return { verdict: 'undetermined', rollbackTo: '', rollbackHelps: '', summary: message, rollbackHealth };
}

// Neither a command nor a macro of Azure Pipelines forms from a path or a system's message.
function harmless(message) {
  return message.replace(/##/g, '**').replace(/\$+(?=[([])/g, '').replace(/`/g, "'");
}

function command(name, message) {
  const data = message.replace(/%/g, '%AZP25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
  console.log(`##vso[${name}]${data}`);
}

// Never ends green, whatever `code` the binary ended with.
function giveUp(message, code = 1) {
  const said = harmless(message);
  // The binary may have been cut off in the middle of a line, even of a command.
  console.log('');
  for (const [name, value] of Object.entries(outputs(said))) {
    command(`task.setvariable variable=${name};isOutput=true`, value);
  }
  command('task.logissue type=error', said);
  command('task.complete result=Failed', said);
  // Windows has exit codes that no byte holds.
  process.exitCode = code > 0 && code < 256 ? code : 1;
}

module.exports = { giveUp };
