// Builds the browser interface from web/ into web/dist: bundled, split by page, compressed.
// A build is made beside the old one and takes its place when it is complete.

import { mkdirSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build, type Metafile, type Plugin } from 'esbuild';

const root = path.join(import.meta.dirname, '..');
const web = path.join(root, 'web');
const languages = ['en-US', 'de-DE'];

/** The components bring their few texts in 34 languages; only ours are kept. */
const onlyOurLanguages: Plugin = {
  name: 'only-our-languages',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]intl[\\/].*[\\/][a-z]{2}-[A-Z]{2}\.m?js$/ }, ({ path: file }) =>
      languages.includes(path.basename(file).replace(/\..*$/, '')) ? undefined : { contents: 'export default {}' },
    );
  },
};

/** Builds once. Throws when the sources have an error; the old build then stays. */
export async function buildWeb(out = path.join(web, 'dist'), o: { minify?: boolean } = {}): Promise<Metafile> {
  const fresh = `${out}.new-${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  const { metafile, outputFiles } = await build({
    entryPoints: [path.join(web, 'main.tsx')],
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['chrome120', 'firefox120', 'safari17'],
    jsx: 'automatic',
    minify: o.minify ?? true,
    legalComments: 'none',
    define: { 'process.env.NODE_ENV': '"production"' },
    outdir: path.join(fresh, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    absWorkingDir: root,
    metafile: true,
    write: false,
    logLevel: 'silent',
    plugins: [onlyOurLanguages],
  });
  for (const file of outputFiles) writeCompressed(file.path, file.contents);
  const page = readFileSync(path.join(web, 'index.html'), 'utf8');
  writeCompressed(path.join(fresh, 'index.html'), Buffer.from(page.replace('<!-- built -->', tagsOf(metafile))));
  rmSync(out, { recursive: true, force: true });
  renameSync(fresh, out);
  return metafile;
}

/** The entry's script and style, and the chunks that it needs at once. */
function tagsOf(metafile: Metafile): string {
  const [entry, facts] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === 'web/main.tsx')!;
  const address = (file: string): string => `/assets/${path.basename(file)}`;
  const first = facts.imports.filter(({ kind }) => kind === 'import-statement').map((one) => one.path);
  return [
    `<link rel="stylesheet" href="${address(facts.cssBundle!)}">`,
    ...first.map((file) => `<link rel="modulepreload" href="${address(file)}">`),
    `<script type="module" src="${address(entry)}"></script>`,
  ].join('\n    ');
}

function writeCompressed(file: string, contents: Uint8Array): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, contents);
  writeFileSync(`${file}.gz`, gzipSync(contents, { level: 9 }));
  writeFileSync(`${file}.br`, brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }));
}

/** Builds, and again at each change of the sources; what is wrong with them is told, and the last build stays. */
export async function watchWeb(): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const again = (): void => void buildWeb().catch((error: Error) => console.error(error.message));
  for (const folder of ['web', 'src']) {
    watch(path.join(root, folder), { recursive: true }, (_, file) => {
      if (file === null || file.startsWith('dist') || !/\.(tsx?|css|html)$/.test(file)) return;
      clearTimeout(timer);
      timer = setTimeout(again, 50);
    });
  }
  await buildWeb();
}

if (import.meta.main) await buildWeb();
