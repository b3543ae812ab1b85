import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const here = dirname(fileURLToPath(import.meta.url));
const swagger = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

// The interactive documentation: Swagger UI's own files beside our page for them.
function apidocs(): Plugin {
  let target = '';
  return {
    name: 'apidocs',
    apply: 'build',
    configResolved: (config) => {
      target = join(config.build.outDir, 'apidocs');
    },
    writeBundle: () => {
      mkdirSync(target, { recursive: true });
      for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css']) {
        copyFileSync(join(swagger, file), join(target, file));
      }
      for (const file of ['index.html', 'init.js', 'page.css']) {
        copyFileSync(join(here, 'apidocs', file), join(target, file));
      }
    },
  };
}

// `npm run dev` beside a running Stockroom: STOCKROOM_GATEWAY says where.
const gateway = process.env['STOCKROOM_GATEWAY'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2022',
    // Everything has an address of its own: the policy of the page allows no data: scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: { proxy: { '/v1': gateway, '/i/': gateway, '/openapi.json': gateway } },
  plugins: [apidocs()],
});
