import { type Link, openLink } from './link';
import { type TestSuite } from './test-suite';

/** A link in front of a database, and the URI under which it is reached through that link. */
export async function openDatabaseLink(databaseUri: string): Promise<{ link: Link; uri: string }> {
  const uri = new URL(databaseUri);
  const link = await openLink(Number(uri.port));
  uri.port = String(link.port);
  // Otherwise the driver would ask who is in the replica set, and go there directly.
  uri.searchParams.delete('replicaSet');
  uri.searchParams.set('directConnection', 'true');
  return { link, uri: uri.toString() };
}

/** Has a service reach its database through a link that can be broken; all others keep theirs. */
export async function linkToDatabase(
  { database, processes }: Pick<TestSuite, 'database' | 'processes'>,
  name: 'key' | 'key3',
): Promise<Link> {
  const service = processes[name];
  if (service === undefined) throw new Error(`this suite has no ${name}`);
  const { link, uri } = await openDatabaseLink(database.uri);
  try {
    await service.restart({ env: { MONGODB_URI: uri } });
  } catch (error) {
    link.close();
    throw error;
  }
  return link;
}
