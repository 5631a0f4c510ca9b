/* The fast line scan: 16 bytes at a time where the machine can. Private to common/sip.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first control character (below blank, but a tab) in [p, end), or end. */
static inline const char *sip_find_control(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i top = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t');
	for (; end - p >= 16; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, top), x);
		low = _mm_andnot_si128(_mm_cmpeq_epi8(x, tab), low);
		unsigned mask = (unsigned)_mm_movemask_epi8(low);
		if (mask)
			return p + __builtin_ctz(mask);
	}
#endif
	for (; p < end; p++)
		if ((unsigned char)*p < 0x20 && *p != '\t')
			return p;
	return end;
}
