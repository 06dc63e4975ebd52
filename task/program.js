// Finds the binary for this machine and makes sure that it is the one that was packaged.
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const BIN = path.join(__dirname, 'bin');
// Written by `cargo xtask package`, in the form of sha256sum.
const LIST = path.join(BIN, 'SHA256SUMS');

// By Node's names for platform and architecture. Windows on ARM emulates x64.
const BUILDS = {
  'linux-x64': 'linux-x64/rollguard',
  'linux-arm64': 'linux-arm64/rollguard',
  'darwin-x64': 'darwin-x64/rollguard',
  'darwin-arm64': 'darwin-arm64/rollguard',
  'win32-x64': 'win32-x64/rollguard.exe',
  'win32-arm64': 'win32-x64/rollguard.exe',
};

const ELF = { 0x3e: 'x64', 0xb7: 'arm64' };
const MACH_O = { 0x01000007: 'x64', 0x0100000c: 'arm64' };
const PE = { 0x8664: 'x64', 0xaa64: 'arm64' };

// An agent never downloads a version again that it holds already.
function again() {
  return `delete ${__dirname} and ${__dirname}.completed, so that the agent downloads the task again`;
}

function hashes() {
  let text;
  try { text = fs.readFileSync(LIST, 'utf8'); } catch (error) {
    throw new Error(`the task is not complete (${error.message}): ${again()}`);
  }
  const lines = text.split('\n').filter((line) => line !== '');
  const rows = lines.map((line) => /^([0-9a-f]{64}) {2}(\S+)$/.exec(line));
  if (rows.length === 0 || rows.includes(null)) throw new Error(`${LIST} is corrupt: ${again()}`);
  return new Map(rows.map(([, hash, name]) => [name, hash]));
}

function read(file) {
  let bytes;
  try { bytes = fs.readFileSync(file); } catch (error) {
    throw new Error(`the task is not complete (${error.message}): ${again()}`);
  }
  if (bytes.length === 0) throw new Error(`${file} is empty: ${again()}`);
  return bytes;
}

// The platform that a program's first bytes name; undefined for what is no program.
function platformOf(bytes) {
  if (bytes.length < 64) return undefined;
  if (bytes.readUInt32BE(0) === 0x7f454c46) return `linux-${ELF[bytes.readUInt16LE(18)]}`;
  if (bytes.readUInt32LE(0) === 0xfeedfacf) return `darwin-${MACH_O[bytes.readUInt32LE(4)]}`;
  const pe = bytes.readUInt32LE(60);
  if (bytes.readUInt16LE(0) !== 0x5a4d || pe + 6 > bytes.length) return undefined;
  return `win32-${PE[bytes.readUInt16LE(pe + 4)]}`;
}

// The file of the binary and its content. Nothing was run yet, and no permission set.
function verified() {
  const platform = `${process.platform}-${process.arch}`;
  const name = BUILDS[platform];
  const listed = hashes();
  if (!name || !listed.has(name)) {
    const built = Object.keys(BUILDS).filter((it) => listed.has(BUILDS[it])).join(', ');
    throw new Error(`it has no build for this agent's Node.js (${platform}): use an agent for ${built}`);
  }
  const file = path.join(BIN, ...name.split('/'));
  const bytes = read(file);
  const hash = createHash('sha256').update(bytes).digest('hex');
  if (hash !== listed.get(name)) {
    throw new Error(`${file} is not the file that was packaged (SHA-256 ${hash}, expected ${listed.get(name)}): ${again()}`);
  }
  const builtFor = platformOf(bytes);
  if (builtFor && builtFor !== path.dirname(name)) {
    throw new Error(`${file} is built for ${builtFor}: the extension was packaged wrongly, install another version`);
  }
  return { file, bytes };
}

function isExecutable(file) {
  try { fs.accessSync(file, fs.constants.X_OK); return true; } catch { return false; }
}

// An extension's package does not keep the executable bit. Where it cannot be set, the task's folder being
// read-only or another user's, a private copy runs instead.
function executable({ file, bytes }, folder) {
  if (isExecutable(file)) return file;
  try { fs.chmodSync(file, 0o755); } catch { /* the copy is the answer */ }
  if (isExecutable(file)) return file;
  const copy = path.join(folder, path.basename(file));
  fs.writeFileSync(copy, bytes, { flag: 'wx', mode: 0o700 });
  if (isExecutable(copy)) return copy;
  throw new Error(`neither ${path.dirname(file)} nor ${folder} may hold programs: mount one of them without noexec`);
}

function whyNotStarted(file, error) {
  const why = error.code === 'ENOENT' && fs.existsSync(file)
    ? `the loader or interpreter that ${file} names is missing on this machine: use the packaged static build`
    : `${error.message}: check that this user may run ${file}`;
  return `failed to start rollguard: ${why}`;
}

module.exports = { executable, verified, whyNotStarted };
