import { StrongroomError } from '../errors.ts';

/**
 * Translates a failed call of the file system into one of our errors; other
 * errors come back as they are. Its path may be told, as it names no secret.
 */
export function translateFileError(error: unknown): unknown {
  const { code, path } = systemError(error);
  const where = path === undefined ? '' : ` at ${path}`;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new StrongroomError('storage_full', `no space is left on the disk${where}`, {
        hint: 'free some space (or inodes) on that disk, then try again',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EISDIR':
    case 'ENOTDIR':
      return new StrongroomError('read_only', `a file cannot be made or written${where}`, {
        hint: 'make the directory writable for you, or choose another place',
        cause: error,
      });
    case 'EIO':
      return new StrongroomError('storage_failed', `the disk failed${where}`, {
        hint: 'check the disk',
        cause: error,
      });
    default:
      return error;
  }
}

function systemError(error: unknown): { code?: unknown; path?: string } {
  if (!(error instanceof Error) || !('syscall' in error)) return {};
  const { code, path } = error as { code?: unknown; path?: unknown };
  return { code, ...(typeof path === 'string' ? { path } : {}) };
}
