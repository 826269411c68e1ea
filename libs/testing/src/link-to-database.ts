import { type Link, openLink } from './link';
import { type TestSuite } from './test-suite';

/** Has a service reach its database through a link that can be broken; all others keep theirs. */
export async function linkToDatabase(
  { database, processes }: Pick<TestSuite, 'database' | 'processes'>,
  name: 'key' | 'key3',
): Promise<Link> {
  const service = processes[name];
  if (service === undefined) throw new Error(`this suite has no ${name}`);
  const uri = new URL(database.uri);
  const link = await openLink(Number(uri.port));
  uri.port = String(link.port);
  // Otherwise the driver would ask who is in the replica set, and go there directly.
  uri.searchParams.delete('replicaSet');
  uri.searchParams.set('directConnection', 'true');
  try {
    await service.restart({ env: { MONGODB_URI: uri.toString() } });
  } catch (error) {
    link.close();
    throw error;
  }
  return link;
}
