// The shim against a stand-in for the binary, under an environment as the agent makes it.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');

const PLATFORM = `${process.platform}-${process.arch}`;

// A task as the agent unpacks it, with `script` in place of the binary.
function unpack(t, { script, mode = 0o755, platform = PLATFORM } = {}) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'rollguard-shim-'));
  t.after(() => fs.rmSync(root, { recursive: true, force: true }));
  const task = path.join(root, 'task');
  const temp = path.join(root, 'temp');
  const bin = path.join(task, 'bin', platform);
  fs.mkdirSync(bin, { recursive: true });
  fs.mkdirSync(temp);
  fs.copyFileSync(path.join(__dirname, '..', 'index.js'), path.join(task, 'index.js'));
  const binary = path.join(bin, 'rollguard');
  if (script !== undefined) {
    fs.writeFileSync(binary, `#!${process.execPath}\n${script}\n`);
    fs.chmodSync(binary, mode);
  }
  return { task, temp, binary };
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
  const child = spawn(process.execPath, args, {
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
  const unpacked = unpack(t, { script: 'console.log(JSON.stringify({ argv: process.argv.slice(2), env: process.env }))' });
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
  test(`exit code ${expected} is passed on`, async (t) => {
    const { code, stdout } = await run(t, unpack(t, { script: `process.exit(${expected})` }));
    assert.equal(code, expected);
    assert.equal(stdout, '');
  });
}

test('both outputs of the binary arrive whole', async (t) => {
  const script = "process.stdout.write('o'.repeat(300000)); process.stderr.write('e'.repeat(300000)); process.exitCode = 10";
  const { code, stdout, stderr } = await run(t, unpack(t, { script }));
  assert.deepEqual([code, stdout.length, stderr.length], [10, 300000, 300000]);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  test(`${signal} reaches the binary, which finishes what it does`, async (t) => {
    const script = `
      process.on('${signal}', () => { console.log('finishing'); setImmediate(() => process.exit(130)); });
      setInterval(() => {}, 1000);
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
    process.on('SIGTERM', () => process.exit(22));
    setInterval(() => {}, 1000);
    console.log('ready');`;
  const { child, ended, said } = start(t, unpack(t, { script }));
  await said('ready');
  child.kill('SIGINT');
  await said('not yet');
  child.kill('SIGTERM');
  assert.equal((await ended).code, 22);
});

test('a binary that is killed fails the task', async (t) => {
  const { code, stdout } = await run(t, unpack(t, { script: "process.kill(process.pid, 'SIGKILL')" }));
  assert.equal(code, 1);
  assert.match(stdout, /^##vso\[task\.logissue type=error\]rollguard was ended by SIGKILL$/m);
  assert.match(stdout, /^##vso\[task\.complete result=Failed\]/m);
});

test('a binary without the executable bit gets it', async (t) => {
  const unpacked = unpack(t, { script: 'console.log(process.argv[1])', mode: 0o644 });
  const { code, stdout } = await run(t, unpacked);
  assert.equal(code, 0);
  assert.equal(stdout.trim(), fs.realpathSync(unpacked.binary));
  assert.equal(fs.statSync(unpacked.binary).mode & 0o777, 0o755);
});

test('where the bit cannot be set, a private copy runs', async (t) => {
  const unpacked = unpack(t, { script: 'console.log(process.argv[1])', mode: 0o644 });
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
  assert.equal(fs.statSync(copy).mode & 0o777, 0o700);
  assert.equal(fs.statSync(unpacked.binary).mode & 0o777, 0o644);
});

test('where setting the bit has no effect, a private copy runs', async (t) => {
  const unpacked = unpack(t, { script: 'console.log(process.argv[1])', mode: 0o644 });
  const preload = `
    const fs = require('node:fs');
    const real = fs.chmodSync;
    fs.chmodSync = (file, mode) => { if (file !== ${JSON.stringify(unpacked.binary)}) real(file, mode); };`;
  const { code, stdout } = await run(t, unpacked, { preload });
  assert.equal(code, 0);
  assert.ok(stdout.startsWith(path.join(fs.realpathSync(unpacked.temp), 'rollguard-')), stdout);
});

test('a platform without a binary fails the task and says which one', async (t) => {
  const preload = "Object.defineProperty(process, 'platform', { value: 'sunos' });";
  const { code, stdout } = await run(t, unpack(t, { script: '' }), { preload });
  assert.equal(code, 1);
  const says = `failed to start rollguard: it is not built for sunos-${process.arch}`;
  assert.deepEqual(stdout.trim().split('\n'), [
    `##vso[task.logissue type=error]${says}`,
    `##vso[task.complete result=Failed]${says}`,
  ]);
});

test('a binary that cannot be started fails the task', async (t) => {
  const unpacked = unpack(t, { script: '' });
  fs.writeFileSync(unpacked.binary, '#!/does/not/exist\n');
  const { code, stdout } = await run(t, unpacked);
  assert.equal(code, 1);
  assert.match(stdout, /^##vso\[task\.logissue type=error\]failed to start rollguard: spawn .* ENOENT$/m);
  assert.match(stdout, /^##vso\[task\.complete result=Failed\]/m);
});

test('nowhere to put the copy fails the task', async (t) => {
  const unpacked = unpack(t, { script: '', mode: 0o644 });
  const preload = "require('node:fs').chmodSync = () => { throw new Error('100% read-only\\nreally'); };";
  const env = { AGENT_TEMPDIRECTORY: path.join(unpacked.temp, 'absent') };
  const { code, stdout } = await run(t, unpacked, { preload, env });
  assert.equal(code, 1);
  assert.match(stdout, /^##vso\[task\.complete result=Failed\]failed to start rollguard: ENOENT/m);
});

test('the shim stays thin and needs no package', () => {
  const source = fs.readFileSync(path.join(__dirname, '..', 'index.js'), 'utf8');
  assert.ok(source.trimEnd().split('\n').length <= 60);
  const required = [...source.matchAll(/require\('([^']+)'\)/g)].map((match) => match[1]);
  assert.ok(required.length > 0);
  for (const name of required) assert.match(name, /^node:/);
});
