// Child of client.test.ts: leaves a client, a file and a directory open, and has nothing more to do. Argument: a URL.
import { NfsClient } from '../../../src/nfs.js';

const [url = ''] = process.argv.slice(2);
const client = await NfsClient.connect(url);
const file = await client.open('idle', 'w+');
await file.write('hello');
const directory = await client.opendir('/');
console.log((await directory.read())?.name !== undefined);
