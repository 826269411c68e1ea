# node:24-bookworm-slim: the node binary and npm, both from npm packages.
FROM latchkey-stand-in-base
COPY node.tgz npm.tgz host-ca.crt /opt/
RUN mkdir -p /opt/node /usr/local/lib/node_modules/npm \
 && tar -xzf /opt/node.tgz -C /opt/node --strip-components 1 \
 && tar -xzf /opt/npm.tgz -C /usr/local/lib/node_modules/npm --strip-components 1 \
 && install /opt/node/bin/node /usr/local/bin/node \
 && chmod +x /usr/local/lib/node_modules/npm/bin/*.js \
 && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
 && rm -r /opt/node /opt/node.tgz /opt/npm.tgz \
 && useradd --uid 1000 --create-home node
ENV NODE_EXTRA_CA_CERTS=/opt/host-ca.crt
CMD ["node"]
