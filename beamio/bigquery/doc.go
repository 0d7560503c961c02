// Package bigquery writes the rows of a pipeline into tables of BigQuery.
//
//	bigquery.Write(s, "project.dataset.detections", beamio.Rows(s, found))
//	bigquery.Write(s, "project.dataset.failures", beamio.FailureRows(s, failed))
//
// Rows of beamio make tables in the schema of Beam's published RunInference
// example: file STRING, object RECORD REPEATED.
//
// # Beside Beam's own bigqueryio
//
// Beam's bigqueryio.Write takes the same rows: their fields have the tags that it
// reads. This package does what that cannot. It inserts from all workers at once,
// as bundles end, and so in streams, too; bigqueryio gathers all rows of a window
// in one place first. Rows have ids before they are inserted, so that a bundle that
// is run again does not double them; bigqueryio makes new ids every time. Errors
// name the table. A table that was made just now, and that not all of BigQuery
// knows, is waited for. And rows travel as JSON: Beam's encoding of a nil slice is
// misread by runners in Java that take rows apart.
//
// Read write.go, then insert.go.
package bigquery
