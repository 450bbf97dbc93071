// Who may connect (pg_hba.conf). Every way in asks for a SCRAM password; there is no trust, not even locally.
// The first matching line decides, so that a fence (fence.ts) only has to stand before these.

export const fenceFileName = 'tenfold.fence'
/** How a replica proves who it is: the format of libpq's password file (PostgreSQL's manual, section 32.16). */
export const passFileName = 'tenfold.pass'

const supervisorAndReplication = `\
host  all          tenfold     all  scram-sha-256
host  replication  replicator  all  scram-sha-256
host  app          replicator  all  scram-sha-256
`

export const hostBasedAccess = `\
# Written by Tenfold at every start; changes made here are lost.
include_if_exists ${fenceFileName}
${supervisorAndReplication}\
host  app          owner       all  scram-sha-256
host  app          app         all  scram-sha-256
`

/** The content of a fence: only the supervisor and replication come in. */
export const fencedAccess = `\
${supervisorAndReplication}\
host  all          all         all  reject
`
