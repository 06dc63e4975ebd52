// The shim against a stand-in for the binary, under an environment as the agent makes it.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');

const PLATFORM = `${process.platform}-${process.arch}`;

// Runs the shim and the stand-ins; node24.test.js names another one.
const NODE = process.env.ROLLGUARD_SHIM_NODE || process.execPath;

const SHIM = ['index.js', 'completion.js', 'give-up.js', 'program.js'];

// Ends a stand-in as the binary ends: the last thing it does is to say that it is done.
const DONE = `
  function done(code) {
    const { ROLLGUARD_COMPLETION_FILE: file, ROLLGUARD_COMPLETION_TOKEN: token } = process.env;
    require('node:fs').writeFileSync(file, token + ' ' + code, { flag: 'wx' });
    process.exitCode = code;
  }`;

const sha256 = (content) => createHash('sha256').update(content).digest('hex');

// A task as the agent unpacks it, with `script` or `content` in place of the binary.
function unpack(t, { script, content, mode = 0o755, platform = PLATFORM } = {}) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'rollguard-shim-'));
  t.after(() => fs.rmSync(root, { recursive: true, force: true }));
  const task = path.join(root, 'task');
  const temp = path.join(root, 'temp');
  const bin = path.join(task, 'bin', platform);
  fs.mkdirSync(bin, { recursive: true });
  fs.mkdirSync(temp);
  for (const name of SHIM) fs.copyFileSync(path.join(__dirname, '..', name), path.join(task, name));
  const unpacked = { task, temp, binary: path.join(bin, 'rollguard'), list: path.join(task, 'bin', 'SHA256SUMS') };
  const whole = content ?? `#!${NODE}\n${DONE}\n${script}\n`;
  fs.writeFileSync(unpacked.binary, whole);
  fs.chmodSync(unpacked.binary, mode);
  fs.writeFileSync(unpacked.list, `${sha256(whole)}  ${platform}/rollguard\n`);
  return unpacked;
}

// Starts the shim; `preload` runs in its process first and stands for what the machine is like.
function start(t, { task, temp }, { env = {}, preload } = {}) {
  const args = [];
  if (preload) {
    const file = path.join(temp, 'preload.cjs');
    fs.writeFileSync(file, preload);
    args.push('--require', file);
  }
  args.push(path.join(task, 'index.js'));
  const child = spawn(NODE, args, {
    env: { PATH: process.env.PATH, AGENT_TEMPDIRECTORY: temp, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  let wake = () => {};
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (text) => { output[stream] += text; wake(); });
  }
  const ended = new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  // Resolves once the child has said `text`.
  const said = (text) => new Promise((resolve) => {
    wake = () => { if (output.stdout.includes(text)) resolve(); };
    wake();
  });
  return { child, ended, said };
}

const run = (t, unpacked, how) => start(t, unpacked, how).ended;

test('the binary is started with the command task and the untouched environment', async (t) => {
  const unpacked = unpack(t, { script: 'console.log(JSON.stringify({ argv: process.argv.slice(2), env: process.env })); done(0)' });
  const env = {
    INPUT_TIMEOUT: '5m',
    INPUT_EVIDENCE: '{"a":"b c"}\nsecond line',
    'ENDPOINT_AUTH_PARAMETER_5b1c-aa_SERVICEPRINCIPALKEY': 'hunter22',
    SECRET_MY_PASSWORD: 'x%y;z]',
    ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN: 'job-token',
  };
  const { code, stdout, stderr } = await run(t, unpacked, { env });
  assert.equal(stderr, '');
  assert.equal(code, 0);
  const seen = JSON.parse(stdout);
  assert.deepEqual(seen.argv, ['task']);
  for (const [name, value] of Object.entries(env)) assert.equal(seen.env[name], value, name);
});

for (const expected of [0, 1, 10, 12, 130]) {
  test(`exit code ${expected} of a run that came to its end is passed on`, async (t) => {
    const unpacked = unpack(t, { script: `done(${expected})` });
    const { code, stdout } = await run(t, unpacked);
    assert.equal(code, expected);
    assert.equal(stdout, '');
    assert.deepEqual(fs.readdirSync(unpacked.temp), []);
  });
}

test('both outputs of the binary arrive whole', async (t) => {
  const script = "process.stdout.write('o'.repeat(300000)); process.stderr.write('e'.repeat(300000)); done(10)";
  const { code, stdout, stderr } = await run(t, unpack(t, { script }));
  assert.deepEqual([code, stdout.length, stderr.length], [10, 300000, 300000]);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  test(`${signal} reaches the binary, which finishes what it does`, async (t) => {
    const script = `
      process.on('${signal}', () => { console.log('finishing'); done(130); clearInterval(alive); });
      const alive = setInterval(() => {}, 1000);
      console.log('ready');`;
    const { child, ended, said } = start(t, unpack(t, { script }));
    await said('ready');
    child.kill(signal);
    const { code, stdout } = await ended;
    assert.equal(code, 130);
    assert.match(stdout, /ready\nfinishing\n/);
  });
}

test('a binary that survives the first signal hears the second', async (t) => {
  const script = `
    process.on('SIGINT', () => console.log('not yet'));
    process.on('SIGTERM', () => { done(22); clearInterval(alive); });
    const alive = setInterval(() => {}, 1000);
    console.log('ready');`;
  const { child, ended, said } = start(t, unpack(t, { script }));
  await said('ready');
  child.kill('SIGINT');
  await said('not yet');
  child.kill('SIGTERM');
  assert.equal((await ended).code, 22);
});

// The commands of a shim that gives up, without what the binary said before.
function commands(stdout) {
  const lines = stdout.split('\n').filter((line) => line.startsWith('##vso['));
  return lines.map((line) => /^##vso\[([^\]]*)\](.*)$/.exec(line).slice(1));
}

function assertGaveUp({ code, stdout }, message, expectedCode = 1) {
  assert.equal(code, expectedCode);
  const said = commands(stdout).find(([name]) => name === 'task.logissue type=error')[1];
  assert.match(said, message);
  assert.deepEqual(commands(stdout), [
    ['task.setvariable variable=verdict;isOutput=true', 'undetermined'],
    ['task.setvariable variable=rollbackTo;isOutput=true', ''],
    ['task.setvariable variable=rollbackHelps;isOutput=true', ''],
    ['task.setvariable variable=summary;isOutput=true', said],
    ['task.setvariable variable=rollbackHealth;isOutput=true', ''],
    ['task.logissue type=error', said],
    ['task.complete result=Failed', said],
  ]);
}

const TOKEN = 'process.env.ROLLGUARD_COMPLETION_TOKEN';
const FILE = 'process.env.ROLLGUARD_COMPLETION_FILE';
const ABNORMAL = [
  ['that ends with 0 and says nothing', 'process.exit(0)', /ended with exit code 0 before it reported a result/, 1],
  ['that ends with 10 and says nothing', 'process.exit(10)', /ended with exit code 10 before/, 10],
  ['that aborts, as after a panic', 'process.abort()', /was ended by SIGABRT before it reported a result; the state of the rollout is unknown: run this job again/, 1],
  ['that is killed', "process.kill(process.pid, 'SIGKILL')", /was ended by SIGKILL before .*out of memory/, 1],
  ['that is killed after it said it was done', "done(0); process.kill(process.pid, 'SIGKILL')", /was ended by SIGKILL before/, 1],
  ['whose exit code is not the one it announced', 'done(10); process.exitCode = 0', /ended with exit code 0 before/, 1],
  ['that prints the token and writes none', `console.log(${TOKEN}, 0)`, /ended with exit code 0 before/, 1],
  ['that writes another token', `require('node:fs').writeFileSync(${FILE}, 'f'.repeat(64) + ' 0')`, /ended with exit code 0/, 1],
  ['that writes the token alone', `require('node:fs').writeFileSync(${FILE}, ${TOKEN})`, /ended with exit code 0/, 1],
  ['that makes a folder of the file', `require('node:fs').mkdirSync(${FILE})`, /ended with exit code 0/, 1],
];
for (const [what, script, message, expected] of ABNORMAL) {
  test(`a binary ${what} fails the task, and the verdict is undetermined`, async (t) => {
    const unpacked = unpack(t, { script });
    assertGaveUp(await run(t, unpacked), message, expected);
    assert.deepEqual(fs.readdirSync(unpacked.temp), []);
  });
}

test('a verdict of a binary that was cut short is taken back, also in the middle of a line', async (t) => {
  const script = `
    require('node:fs').writeSync(1, '##vso[task.setvariable variable=verdict;isOutput=true]failed\\n##vso[task.setvariable variable=sum');
    process.abort();`;
  const { code, stdout } = await run(t, unpack(t, { script }));
  assert.equal(code, 1);
  const verdicts = stdout.split('\n').filter((line) => /variable=verdict;/.test(line));
  assert.deepEqual(verdicts.map((line) => line.split(']')[1]), ['failed', 'undetermined']);
});

test('a rollback that ends abnormally has failed, and its health is unknown', async (t) => {
  const env = { INPUT_COMMAND: 'rollback', INPUT_EVIDENCE: '{}' };
  const { code, stdout } = await run(t, unpack(t, { script: 'process.abort()' }), { env });
  assert.equal(code, 1);
  assert.deepEqual(commands(stdout).slice(0, 3).map(([name, value]) => [name.split(/[=;]/)[1], value]).slice(0, 2), [
    ['rollbackOutcome', 'failed'],
    ['rollbackHealth', 'undetermined'],
  ]);
});

test('a check after a rollback that ends abnormally leaves the health unknown', async (t) => {
  const env = { INPUT_COMMAND: 'check', INPUT_EVIDENCE: '{}' };
  const { stdout } = await run(t, unpack(t, { script: 'process.abort()' }), { env });
  assert.ok(stdout.includes('##vso[task.setvariable variable=rollbackHealth;isOutput=true]undetermined\n'), stdout);
});

test('a doctor that ends abnormally fails and says nothing about a rollout', async (t) => {
  const { code, stdout } = await run(t, unpack(t, { script: 'process.abort()' }), { env: { INPUT_COMMAND: 'doctor' } });
  assert.equal(code, 1);
  assert.ok(!stdout.includes('task.setvariable'), stdout);
  assert.ok(stdout.includes('##vso[task.complete result=Failed]'), stdout);
});

test('each run has a token of its own', async (t) => {
  const unpacked = unpack(t, { script: `console.log(${TOKEN}); done(0)` });
  const [one, two] = [await run(t, unpacked), await run(t, unpacked)];
  assert.match(one.stdout, /^[0-9a-f]{64}\n$/);
  assert.notEqual(one.stdout, two.stdout);
});

test('a variable of the job cannot name the file or the token', async (t) => {
  const env = { ROLLGUARD_COMPLETION_FILE: '/tmp/x', ROLLGUARD_COMPLETION_TOKEN: 'x' };
  const { code, stdout } = await run(t, unpack(t, { script: 'done(0)' }), { env });
  assert.deepEqual([code, stdout], [0, '']);
});

// A file that nothing may run: each row damages the task, and names what the error says.
const write = (file, content) => fs.writeFileSync(file, content);
const elf = (machine) => {
  const bytes = Buffer.alloc(4096);
  bytes.write('\x7fELF\x02\x01\x01', 'latin1');
  bytes.writeUInt16LE(machine, 18);
  return bytes;
};
const pe = () => {
  const bytes = Buffer.alloc(4096);
  bytes.write('MZ', 'latin1');
  bytes.writeUInt32LE(128, 60);
  bytes.write('PE\0\0', 128, 'latin1');
  bytes.writeUInt16LE(0x8664, 132);
  return bytes;
};
const machO = () => {
  const bytes = Buffer.alloc(4096);
  bytes.writeUInt32LE(0xfeedfacf, 0);
  bytes.writeUInt32LE(0x0100000c, 4);
  return bytes;
};
const AGAIN = 'delete \\S+/task and \\S+/task\\.completed, so that the agent downloads the task again';
const DAMAGED = [
  ['a binary that is missing', ({ binary }) => fs.rmSync(binary), `the task is not complete \\(ENOENT: .*/bin/${PLATFORM}/rollguard'\\): ${AGAIN}`],
  ['an empty binary', ({ binary }) => write(binary, ''), `/bin/${PLATFORM}/rollguard is empty: ${AGAIN}`],
  ['a binary that was cut off', ({ binary }) => fs.truncateSync(binary, 20), `/rollguard is not the file that was packaged \\(SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}\\): ${AGAIN}`],
  ['a binary with one byte changed', ({ binary }) => fs.appendFileSync(binary, ' '), 'is not the file that was packaged'],
  ['a text in place of the binary, which a shell would run', ({ binary }) => write(binary, 'touch "$AGENT_TEMPDIRECTORY/ran"\n'), 'is not the file that was packaged'],
  ['a folder in place of the binary', ({ binary }) => { fs.rmSync(binary); fs.mkdirSync(binary); }, 'the task is not complete \\(EISDIR'],
  ['no list', ({ list }) => fs.rmSync(list), `the task is not complete \\(ENOENT: .*SHA256SUMS'\\): ${AGAIN}`],
  ['an empty list', ({ list }) => write(list, ''), `SHA256SUMS is corrupt: ${AGAIN}`],
  ['a list that is no list', ({ list }) => write(list, 'x\n'), 'SHA256SUMS is corrupt'],
  ['a list with a short hash', ({ list }) => write(list, `${'a'.repeat(63)}  ${PLATFORM}/rollguard\n`), 'SHA256SUMS is corrupt'],
  ['a list with a corrupt line beside a good one', ({ list }) => fs.appendFileSync(list, 'x\n'), 'SHA256SUMS is corrupt'],
  ['a list without this platform', ({ list }) => write(list, `${'a'.repeat(64)}  win32-x64/rollguard.exe\n`), `it has no build for this agent's Node.js \\(${PLATFORM}\\): use an agent for win32-x64, win32-arm64$`],
  ['no folder bin', ({ task }) => fs.rmSync(path.join(task, 'bin'), { recursive: true }), `the task is not complete .*${AGAIN}`],
];
for (const [what, damage, message] of DAMAGED) {
  test(`${what} fails the task before anything runs or gets a permission`, async (t) => {
    const unpacked = unpack(t, { script: 'require("node:fs").writeFileSync(process.env.AGENT_TEMPDIRECTORY + "/ran", "")', mode: 0o644 });
    damage(unpacked);
    assertGaveUp(await run(t, unpacked), new RegExp(message));
    assert.deepEqual(fs.readdirSync(unpacked.temp), []);
    const left = fs.statSync(unpacked.binary, { throwIfNoEntry: false });
    if (left?.isFile()) assert.equal(left.mode & 0o111, 0);
  });
}

const FOREIGN = [
  ['Linux on another processor', elf(PLATFORM === 'linux-x64' ? 0xb7 : 0x3e), /is built for linux-(x64|arm64): the extension was packaged wrongly/],
  ['Linux on a processor that is not known', elf(0xf3), /is built for linux-undefined/],
  ['Windows', pe(), /is built for win32-x64: the extension was packaged wrongly/],
  ['macOS', machO(), /is built for darwin-arm64: the extension was packaged wrongly/],
];
for (const [what, content, message] of FOREIGN) {
  test(`a binary for ${what} fails the task before it runs`, async (t) => {
    const unpacked = unpack(t, { content, mode: 0o644 });
    assertGaveUp(await run(t, unpacked), message);
    assert.equal(fs.statSync(unpacked.binary).mode & 0o111, 0);
  });
}

test('a binary without the executable bit gets it', async (t) => {
  const unpacked = unpack(t, { script: 'console.log(process.argv[1]); done(0)', mode: 0o644 });
  const { code, stdout } = await run(t, unpacked);
  assert.equal(code, 0);
  assert.equal(stdout.trim(), fs.realpathSync(unpacked.binary));
  assert.equal(fs.statSync(unpacked.binary).mode & 0o777, 0o755);
});

test('where the bit cannot be set, a private copy runs', async (t) => {
  const unpacked = unpack(t, { script: 'console.log(process.argv[1]); done(0)', mode: 0o644 });
  const preload = `
    const fs = require('node:fs');
    const real = fs.chmodSync;
    fs.chmodSync = (file, mode) => {
      if (file === ${JSON.stringify(unpacked.binary)}) throw Object.assign(new Error('read-only'), { code: 'EROFS' });
      return real(file, mode);
    };`;
  const { code, stdout } = await run(t, unpacked, { preload });
  assert.equal(code, 0);
  const copy = stdout.trim();
  assert.ok(copy.startsWith(path.join(fs.realpathSync(unpacked.temp), 'rollguard-')), copy);
  // It is gone once it ended.
  assert.equal(fs.existsSync(path.dirname(copy)), false);
  assert.equal(fs.statSync(unpacked.binary).mode & 0o777, 0o644);
});

test('where setting the bit has no effect, a private copy runs', async (t) => {
  const unpacked = unpack(t, { script: 'console.log(process.argv[1]); done(0)', mode: 0o644 });
  const preload = `
    const fs = require('node:fs');
    const real = fs.chmodSync;
    fs.chmodSync = (file, mode) => { if (file !== ${JSON.stringify(unpacked.binary)}) real(file, mode); };`;
  const { code, stdout } = await run(t, unpacked, { preload });
  assert.equal(code, 0);
  assert.ok(stdout.startsWith(path.join(fs.realpathSync(unpacked.temp), 'rollguard-')), stdout);
});

test('where no file may be run, the task fails and says where', async (t) => {
  const unpacked = unpack(t, { script: 'done(0)', mode: 0o644 });
  const preload = "require('node:fs').accessSync = () => { throw new Error('EACCES'); };";
  const expected = /neither \S+\/bin\/\S+ nor \S+\/rollguard-\S+ may hold programs: mount one of them without noexec/;
  assertGaveUp(await run(t, unpacked, { preload }), expected);
});

const PLATFORMS = [
  ['sunos', process.arch, `it has no build for this agent's Node.js \\(sunos-${process.arch}\\): use an agent for linux-x64$`],
  ['linux', 'ia32', "it has no build for this agent's Node.js \\(linux-ia32\\): use an agent for linux-x64$"],
  ['linux', 'arm', '\\(linux-arm\\): use an agent for linux-x64$'],
  ['linux', 'arm64', '\\(linux-arm64\\): use an agent for linux-x64$'],
  ['darwin', 'arm64', '\\(darwin-arm64\\): use an agent for linux-x64$'],
];
for (const [platform, arch, message] of PLATFORMS) {
  test(`an agent for ${platform} on ${arch} without a build fails the task and says which there are`, async (t) => {
    const preload = `
      Object.defineProperty(process, 'platform', { value: '${platform}' });
      Object.defineProperty(process, 'arch', { value: '${arch}' });`;
    const unpacked = unpack(t, { script: 'done(0)', platform: 'linux-x64' });
    assertGaveUp(await run(t, unpacked, { preload }), new RegExp(message));
  });
}

test('Windows on ARM runs the x64 build', async (t) => {
  const unpacked = unpack(t, { script: '', platform: 'win32-x64' });
  fs.renameSync(unpacked.binary, `${unpacked.binary}.exe`);
  write(unpacked.list, fs.readFileSync(unpacked.list, 'utf8').replace('rollguard\n', 'rollguard.exe\n'));
  const preload = `
    Object.defineProperty(process, 'platform', { value: 'win32' });
    Object.defineProperty(process, 'arch', { value: 'arm64' });
    require('node:child_process').spawn = (file) => { console.log(file); process.exit(0); };`;
  const { stdout } = await run(t, unpacked, { preload });
  assert.equal(stdout, `${unpacked.binary}.exe\n`);
});

test('a binary whose interpreter is missing fails the task', async (t) => {
  const unpacked = unpack(t, { content: '#!/does/not/exist\n' });
  const expected = /^failed to start rollguard: the loader or interpreter that \S+\/rollguard names is missing on this machine/;
  assertGaveUp(await run(t, unpacked), expected);
});

test('a binary that the system refuses to start fails the task', async (t) => {
  const unpacked = unpack(t, { content: `#!${__dirname}\n` });
  assertGaveUp(await run(t, unpacked), /^failed to start rollguard: spawn \S+ EACCES: check that this user may run \S+\/rollguard$/);
});

test('nowhere to write fails the task', async (t) => {
  const unpacked = unpack(t, { script: 'done(0)' });
  const env = { AGENT_TEMPDIRECTORY: path.join(unpacked.temp, 'absent') };
  const expected = /^failed to start rollguard: no folder can be created in \S+\/absent \(ENOENT: .*\): check AGENT_TEMPDIRECTORY$/;
  assertGaveUp(await run(t, unpacked, { env }), expected);
});

test('no path becomes a command, a macro or a part of a script', async (t) => {
  const unpacked = unpack(t, { script: 'done(0)' });
  const env = { AGENT_TEMPDIRECTORY: path.join(unpacked.temp, '100%$$(x)`id`\n##vso[task.complete result=Succeeded]') };
  const { code, stdout } = await run(t, unpacked, { env });
  assert.equal(code, 1);
  assert.equal(stdout.match(/##vso\[task\.complete/g).length, 1);
  assert.match(stdout, /\/100%AZP25\(x\)'id'%0A\*\*vso\[task\.complete/);
});

test('the shim runs under the version that is meant', async (t) => {
  const { stdout } = await run(t, unpack(t, { script: 'console.log(process.execPath, process.version); done(0)' }));
  const [program, version] = stdout.trim().split(' ');
  assert.equal(program, fs.realpathSync(NODE));
  if (process.env.ROLLGUARD_SHIM_NODE) assert.match(version, /^v24\./);
});

test('the shim stays thin and needs no package', () => {
  for (const name of SHIM) {
    const source = fs.readFileSync(path.join(__dirname, '..', name), 'utf8');
    assert.ok(source.trimEnd().split('\n').length <= (name === 'program.js' ? 120 : 60), name);
    for (const [, required] of source.matchAll(/require\('([^']+)'\)/g)) {
      assert.ok(required.startsWith('node:') || SHIM.includes(required.replace('./', '')), required);
    }
  }
});
