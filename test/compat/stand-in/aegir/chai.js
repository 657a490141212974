// `aegir` is a build tool of several hundred packages, of which the published interface suites
// import only this: chai, with the plugins that their assertions need.
import { createRequire } from 'node:module';

// The plugins are beside the suites, not beside this folder.
const require = createRequire(new URL('../../package.json', import.meta.url));
const chai = require('chai');
chai.use(require('chai-as-promised'));
chai.use(require('chai-parentheses'));

export const { expect } = chai;
