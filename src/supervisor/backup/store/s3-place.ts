// Which bucket, where, with which keys: s3://bucket/prefix and the environment variables that the AWS tools share.

import { TenfoldError } from '../../../base/errors.ts'

export interface S3Keys {
  accessKeyId: string
  secretAccessKey: string
  /** Of temporary keys only. */
  sessionToken?: string
}

export interface S3Place {
  bucket: string
  /** Without slashes around it; may be empty. */
  prefix: string
  endpoint: string
  region: string
  keys: S3Keys
  /** bucket.host/key, as AWS wants it, in place of host/bucket/key, which everybody else understands. */
  isBucketInHost: boolean
}

export const s3Scheme = 's3://'
const placePattern = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/
const prefixPattern = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/
const defaultRegion = 'us-east-1'

/** @throws bad-input for what is no s3://bucket/prefix, unauthorized when there are no keys. */
export function parseS3Place(to: string, env: NodeJS.ProcessEnv): S3Place {
  const [, bucket, path = ''] = placePattern.exec(to) ?? []
  const prefix = path.replace(/\/+$/, '')
  if (bucket === undefined || (prefix !== '' && !prefixPattern.test(prefix)))
    throw new TenfoldError(
      'bad-input',
      `"${to}" is not s3://bucket/prefix, of letters, digits, dots, dashes and slashes`,
    )
  const [accessKeyId, secretAccessKey] = [env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']]
  if (!accessKeyId || !secretAccessKey)
    throw new TenfoldError('unauthorized', `${to} needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment`)
  const region = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || defaultRegion
  const endpoint = env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL']
  const sessionToken = env['AWS_SESSION_TOKEN']
  return {
    bucket,
    prefix,
    region,
    endpoint: endpoint?.replace(/\/+$/, '') ?? `https://s3.${region}.amazonaws.com`,
    // A dot in the bucket's name does not fit the certificate of the host.
    isBucketInHost: endpoint === undefined && !bucket.includes('.'),
    keys: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
  }
}

/** Keys have only characters that need no escape in a path. */
export function addressOf({ endpoint, bucket, isBucketInHost }: S3Place, key: string): URL {
  const url = new URL(endpoint)
  if (isBucketInHost) url.host = `${bucket}.${url.host}`
  const base = url.pathname.replace(/\/$/, '')
  url.pathname = isBucketInHost ? `${base}/${key}` : `${base}/${bucket}${key === '' ? '' : `/${key}`}`
  return url
}
