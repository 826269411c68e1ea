// The smallest process that the supervisor can look after: health over mTLS on LATCHKEY_LISTEN, and nothing else.
const { readFileSync } = require('node:fs');
const grpc = require('@grpc/grpc-js');
const { HealthImplementation } = require('grpc-health-check');

const { env } = process;
console.log(JSON.stringify(env));
if (env.FAIL) {
  console.log('failing as told');
  process.exit(3);
}
const server = new grpc.Server();
new HealthImplementation({ '': 'SERVING' }).addToServer(server);
const pair = { cert_chain: readFileSync(env.LATCHKEY_TLS_CERT), private_key: readFileSync(env.LATCHKEY_TLS_KEY) };
const credentials = grpc.ServerCredentials.createSsl(readFileSync(env.LATCHKEY_TLS_CA), [pair], true);
server.bindAsync(env.LATCHKEY_LISTEN, credentials, (error) => {
  if (error) throw error;
});
process.on('SIGTERM', () => {
  console.log(`stopping at ${Date.now()}`);
  server.tryShutdown(() => process.exit(0));
});
