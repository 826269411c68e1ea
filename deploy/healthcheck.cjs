// Asks this container's own server for its health over mTLS; exit code 0 only when it is SERVING. For HEALTHCHECK lines.
const { readFileSync } = require('node:fs');
const grpc = require('@grpc/grpc-js');

const read = (name) => readFileSync(process.env[name]);
const credentials = grpc.credentials.createSsl(
  read('LATCHKEY_TLS_CA'),
  read('LATCHKEY_TLS_KEY'),
  read('LATCHKEY_TLS_CERT'),
);
// Every service's certificate names localhost, whatever host the service listens on.
const port = process.env.LATCHKEY_LISTEN.split(':').pop();
const client = new grpc.Client(`localhost:${port}`, credentials);
const SERVING = 1;
client.makeUnaryRequest(
  '/grpc.health.v1.Health/Check',
  () => Buffer.alloc(0),
  (answer) => answer,
  Buffer.alloc(0),
  { deadline: Date.now() + 3_000 },
  (error, answer) => {
    // HealthCheckResponse is one enum field: tag 0x08, then the value.
    process.exit(!error && answer[0] === 0x08 && answer[1] === SERVING ? 0 : 1);
  },
);
