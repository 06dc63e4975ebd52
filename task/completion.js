// Whether the binary ran to its end. Its exit code alone does not say so: an interpreter that took its
// place, or a program that was cut short, may end with 0 as well.
'use strict';

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

// The binary writes the token and its exit code into the file as the last thing it does. The log would
// not do: it holds foreign text, and this process does not read it.
function expectCompletion(folder) {
  const file = path.join(folder, 'completion');
  const token = randomBytes(32).toString('hex');
  return {
    variables: { ROLLGUARD_COMPLETION_FILE: file, ROLLGUARD_COMPLETION_TOKEN: token },
    isReported(code) {
      try { return fs.readFileSync(file, 'utf8') === `${token} ${code}`; } catch { return false; }
    },
    whyNotReported(code, signal) {
      const how = code === null ? `was ended by ${signal}` : `ended with exit code ${code}`;
      const cause = signal === 'SIGKILL' ? '; is the machine out of memory?' : '';
      return `rollguard ${how} before it reported a result${cause}; the state of the rollout is unknown: `
        + 'run this job again, and if that does not help, report it with this log';
    },
  };
}

module.exports = { expectCompletion };
