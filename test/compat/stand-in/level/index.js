// What applications get when they ask for `level`: Pamina, or for comparison the Level of this
// repository. The applications themselves are as they were published.
'use strict';
const { createRequire } = require('node:module');
const path = require('node:path');

const repository = createRequire(path.join(__dirname, '../../../../package.json'));

exports.Level =
  process.env.PAMINA_COMPAT_SUBJECT === 'level'
    ? repository('level').Level
    : repository('pamina').Pamina;
