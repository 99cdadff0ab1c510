/* SPDX-License-Identifier: Apache-2.0 */
#include "kws_status.h"

const char *kws_status_text(kws_status_t status)
{
    switch (status) {
    case KWS_OK: return "ok";
    case KWS_ERROR_ARGUMENT: return "argument outside its documented range";
    case KWS_ERROR_TRUNCATED: return "bundle is truncated";
    case KWS_ERROR_MAGIC: return "not a kws bundle";
    case KWS_ERROR_VERSION: return "bundle format version is not supported";
    case KWS_ERROR_CRC: return "bundle checksum does not match";
    case KWS_ERROR_BOUNDS: return "bundle holds an offset, size or shape outside its section";
    case KWS_ERROR_UNSUPPORTED: return "bundle asks for something this core cannot do";
    case KWS_ERROR_ARENA: return "arena is smaller than the bundle needs";
    case KWS_ERROR_ALIGNMENT: return "bundle or arena is not aligned to 16 bytes";
    case KWS_ERROR_MISSING: return "bundle lacks a section the pipeline needs";
    }
    return "unknown status";
}
