# redis:8: Debian's Redis 7.0, with its redis-cli.
FROM latchkey-stand-in-base
RUN apt-get update \
 && apt-get install --yes --no-install-recommends redis-server \
 && install --directory --owner redis --group redis /data
USER redis
WORKDIR /data
VOLUME /data
EXPOSE 6379
# Like the real one: reachable from other containers without a password.
ENTRYPOINT ["sh", "-c", "exec \"$@\" --protected-mode no", "--"]
CMD ["redis-server"]
