package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/papo-chat/papo/internal/trace"
)

func TestOne(t *testing.T) {
	s := Generate(*fromFlag, Plan{})
	fmt.Println(s)
	f, _ := os.Create("/tmp/hand/trace.jsonl")
	enc := json.NewEncoder(f)
	r := Run(s, Options{Trace: func(e trace.Event) { enc.Encode(e) }})
	fmt.Println(r.Wrong)
}
