// Package parquet writes the rows of a pipeline as Parquet files, which DuckDB,
// Spark, pandas, BigQuery and others read.
//
//	parquet.Write(s, "gs://bucket/out/detections.parquet", beamio.Rows(s, found), beamio.WithShards(8))
//
// It is beamio.WriteJSONL with other files: the same names of shards, the same
// rows in each, in the same order, under a temporary name until they are whole.
// Read write.go, then times.go.
package parquet
