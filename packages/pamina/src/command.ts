#!/usr/bin/env node
// The `pamina` command as users install it; everything that it does is in the cli package.
import { main } from '@pamina/cli';

await main();
