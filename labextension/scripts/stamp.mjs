// Writes build-info.json beside the build: a hash of its sources, which a test computes again.
// `node scripts/stamp.mjs --clean` empties the build first, because its files are named by their hashes.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const out = path.join(here, '../flytenb/labextension');

if (process.argv[2] === '--clean') {
  rmSync(path.join(out, 'static'), { recursive: true, force: true });
} else {
  const files = ['package.json', 'tsconfig.json', 'yarn.lock'];
  for (const folder of ['src', 'style', 'schema', 'scripts']) {
    for (const entry of readdirSync(path.join(here, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) {
        files.push(path.relative(here, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'));
      }
    }
  }
  const hash = createHash('sha256');
  // Types leave nothing in the build.
  for (const file of files.filter(each => each !== 'src/generated/model.ts').sort()) {
    hash.update(file + '\0');
    hash.update(readFileSync(path.join(here, file), 'utf8').replaceAll('\r\n', '\n'));
    hash.update('\0');
  }
  writeFileSync(path.join(out, 'build-info.json'), JSON.stringify({ sources: hash.digest('hex') }) + '\n');
}
