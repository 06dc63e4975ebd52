// The tests of the shim again, run by the other Node.js that agents have.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const NODE = path.join(__dirname, '../../tests/npm/node_modules/node24/bin/node');

if (fs.existsSync(NODE)) {
  process.env.ROLLGUARD_SHIM_NODE = NODE;
  require('./shim.test.js');
} else {
  console.log('left out: the shim under Node.js 24: it is not installed (`npm ci` in tests/npm)');
}
