// Bundles lib/core/standalone.js into an ES module and what it loads when it is asked for: flytenb/static/.
import { rspack } from '@rspack/core';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const out = path.join(here, '../flytenb/static');
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const compiler = rspack({
  context: here,
  mode: 'production',
  target: ['web', 'es2022'],
  entry: './lib/core/standalone.js',
  devtool: false,
  output: {
    path: out,
    filename: 'flytenb.js',
    chunkFilename: 'flytenb-[name].js',
    chunkLoading: 'import',
    library: { type: 'module' },
    module: true,
    chunkFormat: 'module'
  },
  module: {
    rules: [{ test: /\.css$/, type: 'asset/source', use: [path.join(here, 'scripts/css-loader.cjs')] }]
  },
  optimization: {
    minimizer: [
      new rspack.SwcJsMinimizerRspackPlugin({
        extractComments: false,
        minimizerOptions: { module: true, compress: { passes: 3, ecma: 2022 }, format: { comments: false } }
      })
    ]
  },
  performance: { hints: false }
});
compiler.run((error, stats) => {
  if (error || stats.hasErrors()) {
    console.error(error ?? stats.toString({ all: false, errors: true }));
    process.exit(1);
  }
});
