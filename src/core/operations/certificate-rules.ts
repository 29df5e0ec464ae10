import {
  authorityFault,
  readCertificate,
  type CertificateRules,
} from '../../auth/client-certificate.ts';
import { parseRevocationList } from '../../auth/revocation-list.ts';
import type { CertificateConfig } from '../../domain/identities/method-config.ts';
import { StrongroomError } from '../../errors.ts';
import { pemBlocks } from '../../lib/pem.ts';

/** By configuration: what was parsed of it. */
const known = new WeakMap<CertificateConfig, CertificateRules>();

/**
 * What a configuration says about certificates, taken apart.
 *
 * @throws {@link StrongroomError} `invalid_input` for what cannot be read, or is no authority.
 */
export function certificateRulesOf(config: CertificateConfig): CertificateRules {
  const present = known.get(config);
  if (present !== undefined) return present;
  const { authorities, keys = [], names = [], crls } = config;
  const rules = {
    authorities: blocks(authorities, 'CERTIFICATE', (der) => {
      const certificate = readCertificate(der);
      if (authorityFault(certificate) !== undefined) throw new RangeError('it is no authority');
      return certificate;
    }),
    keys,
    names,
    revocationLists: blocks(crls, 'X509 CRL', parseRevocationList),
  };
  known.set(config, rules);
  return rules;
}

/** What PEM holds; text that holds nothing of it is a mistake, and never taken for none. */
function blocks<T>(
  pem: string | undefined,
  label: string,
  parse: (der: Uint8Array) => T,
): readonly T[] {
  if (pem === undefined) return [];
  try {
    const found = pemBlocks(pem, label).map(parse);
    if (found.length > 0) return found;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  const isList = label === 'X509 CRL';
  throw new StrongroomError(
    'invalid_input',
    isList ? 'a revocation list cannot be read' : 'a certificate is not that of an authority',
    {
      hint: isList
        ? 'give complete lists (RFC 5280) in PEM, as `openssl crl` writes them'
        : 'give certificates in PEM with basicConstraints CA:TRUE and keys of at least 2048 bits',
    },
  );
}
