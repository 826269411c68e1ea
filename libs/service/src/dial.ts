import { connect, type Connection, type ConnectOptions } from './client';

/** Opens channels to other services, which end with the app: `const dial = dialer({ tls, log, checkpoint }, onStop)`. */
export function dialer(
  options: Pick<ConnectOptions, 'tls' | 'log' | 'checkpoint'>,
  onStop: (stop: () => void) => void,
): (serviceName: string, address: string) => Connection {
  return (serviceName, address) => {
    const channel = connect({ ...options, serviceName, address });
    onStop(() => channel.close());
    return channel;
  };
}
