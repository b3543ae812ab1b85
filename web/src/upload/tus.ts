// Bytes to the file server by tus 1.0, which asks how many have arrived and goes on there. The
// library is fetched when the first large file is sent.
import { TransferError } from './direct';

const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000];
// Of a server that never answered: it may be a wall, and there is another way.
const TRIES_AT_A_WALL = 2;

export async function sendByTus(
  file: File,
  url: string,
  onProgress: (sent: number) => void,
  signal: AbortSignal,
  answered: boolean,
): Promise<void> {
  let tus: typeof import('tus-js-client');
  try {
    tus = await import('tus-js-client');
  } catch {
    throw new TransferError('A part of this page could not be loaded.', 0, false);
  }
  if (signal.aborted) return;
  let reached = answered;
  await new Promise<void>((resolve, reject) => {
    const task = new tus.Upload(file, {
      uploadUrl: url,
      retryDelays: PAUSES_MS,
      // The URL is a secret: nothing of it is kept.
      storeFingerprintForResuming: false,
      onProgress: (sent) => onProgress(sent),
      onAfterResponse: () => {
        reached = true;
      },
      onShouldRetry: (error, attempt) => {
        const status = statusOf(error);
        if (status === 0) return reached || attempt < TRIES_AT_A_WALL;
        return status >= 500 || status === 409 || status === 423;
      },
      onSuccess: () => resolve(),
      onError: (error) => reject(new TransferError(wordsOf(error), statusOf(error), reached)),
    });
    signal.addEventListener('abort', () => {
      // What is under way ends; what has arrived stays until somebody gives the upload up.
      void task.abort().finally(resolve);
    });
    task.start();
  });
}

type TusError = Error | import('tus-js-client').DetailedError;

function statusOf(error: TusError): number {
  return 'originalResponse' in error ? (error.originalResponse?.getStatus() ?? 0) : 0;
}

function wordsOf(error: TusError): string {
  const body = 'originalResponse' in error ? (error.originalResponse?.getBody() ?? '') : '';
  try {
    const problem: unknown = JSON.parse(body);
    if (typeof problem === 'object' && problem && 'detail' in problem) return String(problem.detail);
  } catch {
    // No problem+json; the status must do.
  }
  return `The file server answered ${statusOf(error)}.`;
}
