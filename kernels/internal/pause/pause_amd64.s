//go:build !purego

#include "textflag.h"

// func Times(n int)
TEXT ·Times(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
	JMP  check

next:
	PAUSE
	DECQ CX

check:
	TESTQ CX, CX
	JG    next
	RET
