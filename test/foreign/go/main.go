// What a program in Go does with the cache, over the official Arrow Flight client (arrow-go).
//
// Run by `npm run test:foreign` with the address of a server. Prints a line for each case, `ok NAME` or `FAILED NAME: WHY`, and ends
// with 1 when one has failed.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
)

var words = arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
var schema = arrow.NewSchema([]arrow.Field{
	{Name: "number", Type: arrow.PrimitiveTypes.Int64},
	{Name: "word", Type: &words, Nullable: true},
}, nil)

// batch has a dictionary of its own, so that one comes with each.
func batch(number int64, texts ...string) arrow.RecordBatch {
	numbers := array.NewInt64Builder(memory.DefaultAllocator)
	dictionary := array.NewDictionaryBuilder(memory.DefaultAllocator, &words).(*array.BinaryDictionaryBuilder)
	for _, text := range texts {
		numbers.Append(number)
		if err := dictionary.AppendString(text); err != nil {
			panic(err)
		}
	}
	columns := []arrow.Array{numbers.NewArray(), dictionary.NewArray()}
	return array.NewRecordBatch(schema, columns, int64(len(texts)))
}

func descriptor(key string) *flight.FlightDescriptor {
	return &flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{key}}
}

// put writes batches, each with app_metadata, and waits for the answer to each, as the integration tests of Arrow do.
func put(ctx context.Context, client flight.Client, key string, batches []arrow.RecordBatch, options ...ipc.Option) error {
	stream, err := client.DoPut(ctx)
	if err != nil {
		return err
	}
	writer := flight.NewRecordWriter(stream, append(options, ipc.WithSchema(schema))...)
	writer.SetFlightDescriptor(descriptor(key))
	for i, each := range batches {
		mark := []byte(fmt.Sprintf("batch %d", i))
		if err := writer.WriteWithAppMetadata(each, mark); err != nil {
			return err
		}
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if !bytes.Equal(answer.AppMetadata, mark) {
			return fmt.Errorf("%q was answered by %q", mark, answer.AppMetadata)
		}
	}
	if err := writer.Close(); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if answer, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("one answer more than batches: %v, %v", answer, err)
	}
	return nil
}

type received struct {
	batches []arrow.RecordBatch
	marks   []string
}

func get(ctx context.Context, client flight.Client, ticket string) (found received, err error) {
	stream, err := client.DoGet(ctx, &flight.Ticket{Ticket: []byte(ticket)})
	if err != nil {
		return found, err
	}
	reader, err := flight.NewRecordReader(stream)
	if err != nil {
		return found, err
	}
	for reader.Next() {
		each := reader.RecordBatch()
		each.Retain()
		found.batches = append(found.batches, each)
		found.marks = append(found.marks, string(reader.LatestAppMetadata()))
	}
	return found, reader.Err()
}

func expectSame(found received, batches []arrow.RecordBatch) error {
	if len(found.batches) != len(batches) {
		return fmt.Errorf("%d batches came back of %d", len(found.batches), len(batches))
	}
	for i, each := range batches {
		if !array.RecordEqual(each, found.batches[i]) {
			return fmt.Errorf("batch %d came back as %v", i, found.batches[i])
		}
		if mark := fmt.Sprintf("batch %d", i); found.marks[i] != mark {
			return fmt.Errorf("the app_metadata of batch %d came back as %q", i, found.marks[i])
		}
	}
	return nil
}

func expectCode(err error, code codes.Code) error {
	if status.Code(err) == code {
		return nil
	}
	return fmt.Errorf("expected %v, got %v", code, err)
}

func putAndGet(key string, options ...ipc.Option) func(context.Context, flight.Client) error {
	return func(ctx context.Context, client flight.Client) error {
		batches := []arrow.RecordBatch{batch(1, "a", "b"), batch(2), batch(3, "a", "b", "c")}
		if err := put(ctx, client, key, batches, options...); err != nil {
			return err
		}
		for _, ticket := range []string{key, key + ":0"} {
			found, err := get(ctx, client, ticket)
			if err != nil {
				return err
			}
			if err := expectSame(found, batches); err != nil {
				return fmt.Errorf("%s: %w", ticket, err)
			}
		}
		return nil
	}
}

func conditionalGet(ctx context.Context, client flight.Client) error {
	if err := put(ctx, client, "go/s/conditional", []arrow.RecordBatch{batch(1, "a")}); err != nil {
		return err
	}
	found, err := get(ctx, client, "go/s/conditional:1")
	if err != nil {
		return err
	}
	if len(found.batches) != 0 {
		return fmt.Errorf("%d batches of an object that was not modified", len(found.batches))
	}
	return nil
}

func listAndInfo(ctx context.Context, client flight.Client) error {
	if err := put(ctx, client, "go/list/one", []arrow.RecordBatch{batch(1, "a", "b")}); err != nil {
		return err
	}
	list, err := client.ListFlights(ctx, &flight.Criteria{Expression: []byte("go/list")})
	if err != nil {
		return err
	}
	listed, err := list.Recv()
	if err != nil {
		return err
	}
	told, err := client.GetFlightInfo(ctx, descriptor("go/list/one"))
	if err != nil {
		return err
	}
	for _, info := range []*flight.FlightInfo{listed, told} {
		found, err := flight.DeserializeSchema(info.Schema, memory.DefaultAllocator)
		if err != nil {
			return err
		}
		if !found.Equal(schema) || info.TotalRecords != 2 || string(info.Endpoint[0].Ticket.Ticket) != "go/list/one" {
			return fmt.Errorf("told %v", info)
		}
	}
	_, err = list.Recv()
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("more than one in the list: %v", err)
	}
	return nil
}

func deleteOne(ctx context.Context, client flight.Client) error {
	if err := put(ctx, client, "go/s/deleted", []arrow.RecordBatch{batch(1, "a")}); err != nil {
		return err
	}
	stream, err := client.DoAction(ctx, &flight.Action{Type: "DELETE", Body: []byte("go/s/deleted")})
	if err != nil {
		return err
	}
	if result, err := stream.Recv(); err != nil || string(result.Body) != "OK" {
		return fmt.Errorf("answered %v, %v", result, err)
	}
	_, err = get(ctx, client, "go/s/deleted")
	return expectCode(err, codes.NotFound)
}

func deadline(ctx context.Context, client flight.Client) error {
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	stream, err := client.DoPut(short)
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return expectCode(err, codes.DeadlineExceeded)
}

// cancelPut gives up after the schema was answered by nothing and a batch by its echo.
func cancelPut(ctx context.Context, client flight.Client) error {
	short, cancel := context.WithCancel(ctx)
	stream, err := client.DoPut(short)
	if err != nil {
		cancel()
		return err
	}
	writer := flight.NewRecordWriter(stream, ipc.WithSchema(schema))
	writer.SetFlightDescriptor(descriptor("go/s/cancelled"))
	err = writer.WriteWithAppMetadata(batch(1, "a"), []byte("x"))
	if err == nil {
		_, err = stream.Recv()
	}
	cancel()
	if err != nil {
		return err
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		return fmt.Errorf("expected Canceled, got %v", err)
	}
	_, err = get(ctx, client, "go/s/cancelled")
	return expectCode(err, codes.NotFound)
}

func main() {
	address := os.Args[1]
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	compressing := grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name))
	cases := []struct {
		name    string
		run     func(context.Context, flight.Client) error
		options []grpc.DialOption
	}{
		{"put and get with replaced dictionaries", putAndGet("go/s/replaced"), nil},
		{"put and get with delta dictionaries", putAndGet("go/s/deltas", ipc.WithDictionaryDeltas(true)), nil},
		{"put and get with ZSTD bodies", putAndGet("go/s/zstd", ipc.WithZstd()), nil},
		{"put and get by gzip", putAndGet("go/s/gzip"), []grpc.DialOption{compressing}},
		{"conditional get", conditionalGet, nil},
		{"list and flight info with schema", listAndInfo, nil},
		{"delete", deleteOne, nil},
		{"deadline", deadline, nil},
		{"cancelled put", cancelPut, nil},
	}
	failures := 0
	for _, each := range cases {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		client, err := flight.NewClientWithMiddleware(address, nil, nil, append(each.options, plain)...)
		if err == nil {
			err = each.run(ctx, client)
			client.Close()
		}
		cancel()
		if err != nil {
			failures++
			fmt.Printf("FAILED %s: %v\n", each.name, err)
		} else {
			fmt.Printf("ok %s\n", each.name)
		}
	}
	if failures > 0 {
		os.Exit(1)
	}
}
