#!/usr/bin/env node
// Starts the command line. What it needs is loaded when it is needed: --help and --version load next to nothing.
import { main } from '../dist/src/cli/main.js';

process.exitCode = await main(process.argv.slice(2));
// By a signal: what is still under way, such as a connection to a server that says nothing, is waited for no more.
if (process.exitCode > 128) process.exit();
