// A real OpenID provider for the tests: node provider.mjs NODE_MODULES PORT REDIRECT_URI
// Signing in as one of SPOILERS gives an ID token that is wrong in the way its name says.
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const [modules, port, redirectUri] = process.argv.slice(2);
const load = async (name, path) => import(pathToFileURL(join(modules, name, path)));
const { Provider } = await load('oidc-provider', 'lib/index.js');
const jose = await load('jose', 'dist/webapi/index.js');

const issuer = `http://127.0.0.1:${port}`;
const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true });
const { privateKey: otherKey } = await jose.generateKeyPair('RS256', { extractable: true });
const jwk = { ...(await jose.exportJWK(privateKey)), kid: 'test', use: 'sig', alg: 'RS256' };

const PEOPLE = {
  analyst: { groups: ['analysts'] },
  manager: { groups: ['everyone', 'practice-managers'], ods_code: 'Y00001' },
  stranger: { groups: ['everyone'] },
  'manager-without-practice': { groups: ['practice-managers'] },
};

const now = () => Math.floor(Date.now() / 1000);
const sign = (claims, key = privateKey) =>
  new jose.SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'test' }).sign(key);
const unsigned = (claims) =>
  `${jose.base64url.encode(JSON.stringify({ alg: 'none' }))}.${jose.base64url.encode(JSON.stringify(claims))}.`;

let earlier; // a good ID token of before
const SPOILERS = {
  'wrong-issuer': (claims) => sign({ ...claims, iss: 'https://evil.example' }),
  'wrong-audience': (claims) => sign({ ...claims, aud: 'another-client' }),
  'wrong-audience-our-party': (claims) => sign({ ...claims, aud: 'another-client', azp: 'switchboard' }),
  'wrong-nonce': (claims) => sign({ ...claims, nonce: 'another' }),
  'no-nonce': ({ nonce, ...claims }) => sign(claims),
  expired: (claims) => sign({ ...claims, iat: now() - 7200, exp: now() - 3600 }),
  'not-yet': (claims) => sign({ ...claims, nbf: now() + 3600 }),
  'no-subject': ({ sub, ...claims }) => sign(claims),
  'wrong-key': (claims) => sign(claims, otherKey),
  'no-signature': (claims) => unsigned(claims),
  replayed: () => earlier,
  'no-token': () => undefined,
};

const provider = new Provider(issuer, {
  clients: [{ client_id: 'switchboard', client_secret: 'a secret for tests', redirect_uris: [redirectUri] }],
  jwks: { keys: [jwk] },
  cookies: { keys: ['a key for tests'] },
  conformIdTokenClaims: false,
  claims: { openid: ['sub', 'groups', 'ods_code'], profile: ['preferred_username'] },
  pkce: { required: () => true },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: `${id}@nhs.example`, ...(PEOPLE[id] ?? PEOPLE.analyst) }),
  }),
  loadExistingGrant: async (ctx) => {
    const { client, session } = ctx.oidc;
    const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid profile email');
    await grant.save();
    return grant;
  },
});

provider.use(async (ctx, next) => {
  await next();
  if (ctx.path !== '/token' || !ctx.body?.id_token) return;
  const claims = jose.decodeJwt(ctx.body.id_token);
  const spoil = SPOILERS[claims.sub];
  if (spoil) ctx.body = { ...ctx.body, id_token: await spoil(claims) };
  else earlier = ctx.body.id_token;
});

createServer(provider.callback()).listen(Number(port), '127.0.0.1', () => console.log('ready'));
