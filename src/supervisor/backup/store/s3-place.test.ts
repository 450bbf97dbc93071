// How a bucket's address is made, and AWS's own example of a signature.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AwsV4Signer } from 'aws4fetch'
import { addressOf, parseS3Place } from './s3-place.ts'
import { elementsOf, textOf } from './s3-xml.ts'

const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }

test('AWS itself is asked with the bucket in the host, others with the bucket in the path', () => {
  const aws = parseS3Place('s3://backups/shop/one/', { ...keys, AWS_REGION: 'eu-central-1' })
  assert.equal(aws.prefix, 'shop/one')
  assert.equal(addressOf(aws, 'a/b').href, 'https://backups.s3.eu-central-1.amazonaws.com/a/b')
  const dotted = parseS3Place('s3://backups.example.org', keys)
  assert.equal(addressOf(dotted, 'a').href, 'https://s3.us-east-1.amazonaws.com/backups.example.org/a')
  const own = parseS3Place('s3://backups', { ...keys, AWS_ENDPOINT_URL: 'http://127.0.0.1:9000/' })
  assert.equal(addressOf(own, 'a').href, 'http://127.0.0.1:9000/backups/a')
  assert.equal(addressOf(own, '').href, 'http://127.0.0.1:9000/backups')
})

test('what is no bucket, and a bucket without keys, is refused with what to do', () => {
  for (const to of ['s3://', 's3://A', 's3://bucket/a b', 's3://bucket/a//b'])
    assert.throws(() => parseS3Place(to, keys), { code: 'bad-input' })
  assert.throws(() => parseS3Place('s3://bucket', {}), { code: 'unauthorized', message: /AWS_ACCESS_KEY_ID/ })
})

// Amazon S3 API Reference, "Examples: Signature Calculations in AWS Signature Version 4", GET Bucket (List Objects).
test("a request is signed as in AWS's own example", async () => {
  const signer = new AwsV4Signer({
    url: 'https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J',
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    service: 's3',
    region: 'us-east-1',
    datetime: '20130524T000000Z',
    headers: { 'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
  })
  assert.match(await signer.authHeader(), /Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7$/)
})

test('answers are read with their entities', () => {
  const xml = '<R xmlns="u"><Contents><Key>a&amp;b&#x2F;c</Key></Contents><Contents><Key>d</Key></Contents></R>'
  assert.deepEqual(
    elementsOf(xml, 'Contents').map((object) => textOf(object, 'Key')),
    ['a&b/c', 'd'],
  )
  assert.equal(textOf(xml, 'Missing'), '')
})
