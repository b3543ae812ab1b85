// Tokens and keys of `jose`, as test vectors for tests/vectors/jws_vectors:
//   node jose_vectors.mjs RUNNER
// ends as the runner does.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CompactSign, SignJWT, UnsecuredJWT, exportJWK, generateKeyPair, generateSecret,
} from 'jose';

const ASYMMETRIC = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA',
];
const SYMMETRIC = ['HS256', 'HS384', 'HS512'];

async function makeKey(alg) {
  if (SYMMETRIC.includes(alg)) {
    const secret = await generateSecret(alg, { extractable: true });
    return { sign: secret, jwk: await exportJWK(secret) };
  }
  const pair = await generateKeyPair(alg, { extractable: true });
  return { sign: pair.privateKey, jwk: await exportJWK(pair.publicKey) };
}

function sign(alg, key, more = {}) {
  return new SignJWT({ scope: 'images:read' })
    .setProtectedHeader({ alg, kid: 'k', ...more })
    .setSubject('alice')
    .setExpirationTime('10 minutes')
    .sign(key.sign);
}

async function vectorsOf(alg) {
  const key = await makeKey(alg);
  const other = await makeKey(alg);
  const good = await sign(alg, key);
  const [header, payload, signature] = good.split('.');
  const claims = Buffer.from(payload, 'base64url').toString().replace('alice', 'admin');
  const bytes = await new CompactSign(new Uint8Array([0, 255, 128]))
    .setProtectedHeader({ alg, kid: 'k' }).sign(key.sign);
  return {
    comment: alg,
    public: { keys: [{ ...key.jwk, kid: 'k', alg, use: 'sig' }] },
    tests: [
      ['signed', good, 'valid'],
      ['any bytes', bytes, 'valid'],
      ['of another key', await sign(alg, other), 'invalid'],
      ['with its own key', await sign(alg, other, { jwk: other.jwk }), 'invalid'],
      ['changed', [header, Buffer.from(claims).toString('base64url'), signature].join('.'),
        'invalid'],
      ['unsigned', new UnsecuredJWT({}).setSubject('alice').encode(), 'invalid'],
    ],
  };
}

const groups = await Promise.all([...ASYMMETRIC, ...SYMMETRIC].map(vectorsOf));
let tcId = 0;
for (const group of groups) {
  group.tests = group.tests.map(([comment, jws, result]) => {
    tcId += 1;
    return { tcId, comment, jws, result, flags: [] };
  });
}
const dir = mkdtempSync(join(tmpdir(), 'jose-'));
try {
  const file = join(dir, 'vectors.json');
  writeFileSync(file, JSON.stringify({ testGroups: groups }));
  const { status } = spawnSync(process.argv[2], [file], { stdio: 'inherit' });
  process.exitCode = status ?? 3;
} finally {
  rmSync(dir, { recursive: true });
}
