// Whether fronts could start with a topology, before any process is told of it: settings that hold for the map hold also for the
// fronts that serve already, when one of them has to be started again.

import type { Home } from '../map/home.ts'
import { openCertificates } from '../processes/front/certificates.ts'
import { findHaproxy } from '../programs/haproxy/binary.ts'
import type { Topology } from '../topology/schema.ts'

/** @throws program-missing without HAProxy where it is asked for; bad-input without a certificate that can be used. */
export async function checkFronts(topology: Topology, { home, appDir }: { home: Home; appDir: string }): Promise<void> {
  const { count, engine, tls } = topology.front
  if (count === 0) return
  if (engine === 'haproxy') await findHaproxy()
  if (tls.enabled) (await openCertificates(topology, { home, appDir })).certificates.close()
}
