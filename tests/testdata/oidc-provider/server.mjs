// An OAuth authorization server that nobody here wrote (npm oidc-provider), set up for one SMART backend client.
// argv: JSON {port, client_id, jwks, alg, scope, scopes, cert, key}. Prints "ready" when it listens.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';

const given = JSON.parse(process.argv[2]);
const issuer = `https://localhost:${given.port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: given.client_id,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: given.alg,
    jwks: given.jwks,
    scope: given.scope,
  }],
  scopes: given.scopes,
  clientAuthMethods: ['private_key_jwt'],
  enabledJWA: { clientAuthSigningAlgValues: ['RS384', 'ES384', 'RS256'] },
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  ttl: { ClientCredentials: 300 },
});
const tls = { cert: readFileSync(given.cert), key: readFileSync(given.key) };
createServer(tls, provider.callback()).listen(given.port, '127.0.0.1', () => console.log('ready'));
