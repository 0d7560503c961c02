// Scales an axis bilinearly, as op.Between has it: float32 and float64 in its order, with every result rounded. Sources with
// this are compiled with --fmad=false.
#pragma once
#include "device.h"

// Which samples of an axis a pixel lies between, and the second one's share.
struct Between {
	int low, high;
	float share;
};

// between_at returns where pixel i of out lies among in.
DEVICE Between between_at(long long i, int in, long long out) {
	if (in == out) return {(int)i, (int)i, 0};
	double at = (double)((float)in / (float)out) * ((double)i + 0.5) - 0.5;
	if (at < 0) at = 0;
	const int low = at < in - 1 ? (int)at : in - 1;
	return {low, low < in - 1 ? low + 1 : in - 1, (float)(at - low)};
}

// between returns the number between a and b, of which b has a share. What is taken whole may be next to an infinity.
DEVICE float between(float a, float b, float share) { return share == 0 ? a : fmaf(a, 1 - share, b * share); }
