// Which certificates a front has: those of the user, else of the system's own directory, where one for local use is made.

import { join, resolve } from 'node:path'
import type { Home } from '../../map/home.ts'
import { Certificates } from '../../net/tls/certificates.ts'
import { ensureLocalCertificate } from '../../net/tls/local-certificate.ts'
import type { Topology } from '../../topology/schema.ts'

export interface OpenedCertificates {
  directory: string
  certificates: Certificates
}

/** @throws bad-input when the directory has none that can be used. */
export async function openCertificates(
  { front }: Pick<Topology, 'front'>,
  { home, appDir, onTrouble }: { home: Home; appDir: string; onTrouble?: (message: string) => void },
): Promise<OpenedCertificates> {
  const own = front.tls.certificates
  const directory = own === undefined ? join(home.dir, 'certificates') : resolve(appDir, own)
  if (own === undefined) await ensureLocalCertificate(directory)
  const certificates = await Certificates.open(directory, onTrouble ? { onTrouble } : {})
  return { directory, certificates }
}
