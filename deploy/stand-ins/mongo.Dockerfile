# mongo:8: the embedded database of tools/engine (GPL-2.0, see there) under the name mongod, and the real mongosh. It
# is a replica set of one named rs0 from the beginning and ignores mongod's arguments, so rs.initiate is never called.
FROM node:24-bookworm-slim
ARG MONGOSH
RUN mkdir -p /opt/mongosh && cd /opt/mongosh \
 && npm install --ignore-scripts --no-audit --no-fund --omit=optional "@mongosh/cli-repl@${MONGOSH}" \
 && ln -s /opt/mongosh/node_modules/.bin/mongosh /usr/local/bin/mongosh
COPY . /opt/engine
# The launcher listens on localhost only; here it must be found under the name that the compose file gives it.
RUN PIP_CERT=/opt/engine/host-ca.crt python3 "$(echo /opt/engine/vendor/pip-*.whl)/pip" install \
    --require-hashes --only-binary :all: --no-deps --no-compile --target /opt/packages -r /opt/engine/requirements.txt \
 && sed -i -e 's/^server = SecantusDBServer("127.0.0.1", /SecantusDBServer.address = property(lambda self: ("mongo", 27017))\nserver = SecantusDBServer("0.0.0.0", replica_set_name="rs0", port=/' \
    -e 's/int(sys.argv\[1\]), sys.argv\[2\], /int(sys.argv[1]), storage_path=sys.argv[2], /' /opt/engine/devmongo.py \
 && grep -q 'replica_set_name="rs0", port=int(sys.argv\[1\]), storage_path=' /opt/engine/devmongo.py \
 && printf '#!/bin/sh\nexec python3 /opt/engine/devmongo.py 27017 /data/db\n' > /usr/local/bin/mongod \
 && chmod +x /usr/local/bin/mongod \
 && useradd --uid 999 --home-dir /data mongodb \
 && install --directory --owner mongodb --group mongodb /data/db
ENV PYTHONPATH=/opt/packages PYTHONUNBUFFERED=1 HOME=/tmp
USER mongodb
VOLUME /data/db
EXPOSE 27017
CMD ["mongod"]
